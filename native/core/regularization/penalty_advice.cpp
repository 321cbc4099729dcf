#include "core/regularization/penalty_advice.h"

#include <cmath>
#include <limits>
#include <sstream>

namespace continual {
namespace {

std::string shown(double number) {
  std::ostringstream text;
  text << number;
  return text.str();
}

/// A parameter that is trained and held.
struct HeldParameter {
  const UpdateRule& rule;
  double largest_importance;
};

std::vector<HeldParameter> held_parameters(const QuadraticPenalty& penalty, const Optimizer& optimizer) {
  std::vector<HeldParameter> held;
  std::vector<at::Tensor> largest;
  for (const ParameterGroup& group : optimizer.groups()) {
    for (const auto& [name, parameter] : group.parameters) {
      const at::Tensor omega = penalty.importance(parameter);
      if (!omega.defined() || omega.numel() == 0 || !parameter.requires_grad()) continue;
      held.push_back({*group.rule, 0});
      largest.push_back(omega.max().to(at::kDouble));
    }
  }
  if (held.empty()) return held;
  const at::Tensor read = at::stack(largest).cpu();
  for (size_t i = 0; i < held.size(); ++i) held[i].largest_importance = read.const_data_ptr<double>()[i];
  return held;
}

std::optional<PenaltyStability> first_to_run_away(const std::vector<HeldParameter>& held) {
  std::optional<PenaltyStability> first;
  for (const auto& [rule, largest] : held) {
    const std::optional<double> curvature = rule.largest_stable_curvature();
    if (!curvature || !(largest > 0) || std::isinf(largest)) continue;
    const double stable = std::max(*curvature, 0.), largest_lambda = stable / (2 * largest);
    if (std::isinf(stable) || (first && largest_lambda >= first->largest_lambda)) continue;
    first = {rule.lr(), largest, rule.lr() * stable, largest_lambda};
  }
  return first;
}

class StabilityPhase final : public PluginPhase {
 public:
  explicit StabilityPhase(std::shared_ptr<QuadraticPenalty> penalty) : penalty_(std::move(penalty)) {}

  void run(const Iteration& iteration) override { penalty_->look_at(iteration.optimizer, iteration.parameters); }

  std::string name() const override { return penalty_->names().plugin + ".beforeTrainingExp"; }

 private:
  std::shared_ptr<QuadraticPenalty> penalty_;
};

}  // namespace

std::optional<PenaltyStability> stability_of(const QuadraticPenalty& penalty, const Optimizer& optimizer) {
  return first_to_run_away(held_parameters(penalty, optimizer));
}

std::string advice_on_penalty(const QuadraticPenalty& penalty, const Optimizer& optimizer) {
  const std::vector<HeldParameter> held = held_parameters(penalty, optimizer);
  double smallest_lr = std::numeric_limits<double>::infinity(), largest_lr = 0;
  bool is_finite = true;
  for (const auto& [rule, largest] : held) {
    smallest_lr = std::min(smallest_lr, rule.lr());
    largest_lr = std::max(largest_lr, rule.lr());
    is_finite = is_finite && std::isfinite(largest);
  }
  const std::string& weight = penalty.names().weight;
  std::string text = penalty.names().method + " adds its penalty with " + weight + ' ' + shown(penalty.lambda());
  if (smallest_lr <= largest_lr) {
    text += " at learning rate " + shown(smallest_lr) + (smallest_lr < largest_lr ? " to " + shown(largest_lr) : "");
  }
  if (!is_finite) return text + ", and its importances are not finite: an earlier experience diverged";
  if (penalty.lambda() == 0) return "";
  const std::optional<PenaltyStability> stability = first_to_run_away(held);
  if (!stability) return text + ": a smaller " + weight + " or learning rate may be meant";
  text += "; SGD is stable on the penalty alone up to " + weight + ' ' + shown(stability->largest_lambda);
  return text + (penalty.lambda() < stability->largest_lambda
                     ? ", less with the criterion's curvature: a smaller " + weight + " or learning rate may be meant"
                     : ": a smaller one is meant");
}

std::shared_ptr<PluginPhase> stability_phase(std::shared_ptr<QuadraticPenalty> penalty) {
  return std::make_shared<StabilityPhase>(std::move(penalty));
}

}  // namespace continual
