#include "core/regularization/proximal_penalty.h"

#include "core/regularization/penalty_kernels.h"
#include "core/regularization/pending_penalty.h"

namespace continual {
namespace {

class ProximalPhase final : public PluginPhase {
 public:
  explicit ProximalPhase(std::shared_ptr<QuadraticPenalty> penalty) : penalty_(std::move(penalty)) {}

  void run(const Iteration& iteration) override {
    const std::shared_ptr<FlatParameters>& flat = iteration.parameters;
    const auto [omega, anchor, known, offset] = penalty_->held(flat, name());
    const std::vector<int64_t> updated = iteration.optimizer.groups_updated(*flat, iteration.updates_before);
    const auto group = [&, &known = known](size_t slot) -> int64_t {
      return known[slot] && flat->slots()[slot].parameter.requires_grad() ? updated[slot] : -1;
    };
    for (const Run& run : flat->runs(group)) {
      const double lr = iteration.optimizer.groups()[group(run.first_slot)].rule->lr();
      pull_to_anchor(run.of(flat->values()), run.of(anchor), run.of(omega), 2 * lr * penalty_->lambda(),
                     iteration.found_inf);
    }
  }

  std::string name() const override { return penalty_->names().plugin + ".afterUpdate"; }

 private:
  std::shared_ptr<QuadraticPenalty> penalty_;
};

class ValuePhase final : public PluginPhase {
 public:
  explicit ValuePhase(std::shared_ptr<QuadraticPenalty> penalty) : penalty_(std::move(penalty)) {}

  void run(const Iteration& iteration) override {
    const at::NoGradGuard no_grad;
    const auto [omega, anchor, known, offset] = penalty_->held(iteration.parameters, name());
    const PendingPenalty penalty(penalty_->names().plugin, iteration.parameters, omega, anchor, known,
                                 penalty_->lambda(), offset);
    const at::TensorOptions options = iteration.loss.options().requires_grad(false);
    Penalties::add(iteration.penalties.apart, penalty.value_alone(options));
  }

  std::string name() const override { return penalty_->names().plugin + ".beforeBackward"; }

 private:
  std::shared_ptr<QuadraticPenalty> penalty_;
};

}  // namespace

std::shared_ptr<PluginPhase> proximal_phase(std::shared_ptr<QuadraticPenalty> penalty) {
  return std::make_shared<ProximalPhase>(std::move(penalty));
}

std::shared_ptr<PluginPhase> penalty_value_phase(std::shared_ptr<QuadraticPenalty> penalty) {
  return std::make_shared<ValuePhase>(std::move(penalty));
}

}  // namespace continual
