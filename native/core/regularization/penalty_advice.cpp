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

}  // namespace

std::string advice_on_penalty(const QuadraticPenalty& penalty, const Optimizer& optimizer) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  double smallest_lr = kInfinity, largest_lr = 0, largest_lambda = kInfinity;
  bool is_finite = true;
  for (const ParameterGroup& group : optimizer.groups()) {
    const std::optional<double> curvature = group.rule->largest_stable_curvature();
    for (const auto& [name, parameter] : group.parameters) {
      const at::Tensor omega = penalty.importance(parameter);
      if (!omega.defined() || omega.numel() == 0 || !parameter.requires_grad()) continue;
      smallest_lr = std::min(smallest_lr, group.rule->lr());
      largest_lr = std::max(largest_lr, group.rule->lr());
      const auto largest = omega.max().item<double>();
      is_finite = is_finite && std::isfinite(largest);
      if (curvature && largest > 0) largest_lambda = std::min(largest_lambda, std::max(*curvature, 0.) / (2 * largest));
    }
  }
  const std::string& weight = penalty.names().weight;
  std::string text = penalty.names().method + " adds its penalty with " + weight + ' ' + shown(penalty.lambda());
  if (smallest_lr <= largest_lr) {
    text += " at learning rate " + shown(smallest_lr) + (smallest_lr < largest_lr ? " to " + shown(largest_lr) : "");
  }
  if (!is_finite) return text + ", and its importances are not finite: an earlier experience diverged";
  if (std::isinf(largest_lambda)) return text + ": a smaller " + weight + " or learning rate may be meant";
  text += "; SGD is stable on the penalty alone up to " + weight + ' ' + shown(largest_lambda);
  return text + (penalty.lambda() < largest_lambda
                     ? ", less with the criterion's curvature: a smaller " + weight + " or learning rate may be meant"
                     : ": a smaller one is meant");
}

}  // namespace continual
