#include "core/regularization/synaptic_intelligence.h"

#include "core/regularization/penalty_kernels.h"

namespace continual {

void SynapticIntelligence::begin(const Iteration& iteration) {
  const at::NoGradGuard no_grad;
  const std::shared_ptr<FlatParameters>& flat = iteration.parameters;
  align(flat, {&trajectory_, &total_});
  old_.set({});
  const std::vector<bool> slots = allowed(*flat);
  trajectory_.know(slots);
  total_.know(slots);
  for (const at::Tensor& buffer : trajectory_.tensors()) buffer.zero_();
  penalty_->anchor(flat, slots);
}

void SynapticIntelligence::before(const Iteration& iteration) {
  const at::NoGradGuard no_grad;
  const std::shared_ptr<FlatParameters>& flat = iteration.parameters;
  flat->settle();
  align(flat, {&trajectory_, &old_});
  if (old_.known() != trajectory_.known()) old_.know_only(trajectory_.known());
  for (const Run& run : runs_of(*flat, trajectory_.known())) run.of(old_.tensors()).copy_(run.of(flat->values()));
}

void SynapticIntelligence::after(const Iteration& iteration) {
  const at::NoGradGuard no_grad;
  const std::shared_ptr<FlatParameters>& flat = iteration.parameters;
  flat->settle();
  align(flat, {&trajectory_, &old_});
  const std::vector<bool>& known = old_.known();
  for (size_t i = 0; i < known.size(); ++i) {
    if (known[i] && flat->slots()[i].parameter.grad().defined()) flat->settle_grad(i);
  }
  if (!penalty_->has_memory()) return;  // nothing is followed
  const QuadraticPenalty::Held held = penalty_->held(flat, penalty_->names().plugin + ".afterTrainingIteration");
  // An update may have been left out because its gradients were infinite.
  const bool may_stand_still =
      iteration.found_inf.defined() || iteration.optimizer.updates() == iteration.updates_before;
  scratch_.resize(options_.without_penalty ? flat->values().size() : 0);
  for (const Run& run : runs_of(*flat, known, /*with_grad=*/true)) {
    const at::Tensor w = run.of(trajectory_.tensors());
    const at::Tensor old = run.of(old_.tensors());
    const at::Tensor grad = run.of(flat->grads());
    at::Tensor of_penalty;
    if (options_.without_penalty) {
      at::Tensor& whole = scratch_[run.buffer];
      const at::Tensor& values = flat->values()[run.buffer];
      if (!whole.defined() || whole.sizes() != values.sizes()) whole = at::empty_like(values);
      of_penalty = run.of(scratch_);
      at::sub_out(of_penalty, old, run.of(held.anchor)).mul_(run.of(held.omega));
    }
    // In place, as what stood there has been used: less the way of this update.
    old.sub_(run.of(flat->values()));
    add_product(w, grad, old, -1, may_stand_still);
    if (of_penalty.defined()) add_product(w, of_penalty, old, 2 * penalty_->lambda(), may_stand_still);
  }
}

void SynapticIntelligence::end(const Iteration& iteration) {
  const at::NoGradGuard no_grad;
  const std::shared_ptr<FlatParameters>& flat = iteration.parameters;
  flat->settle();
  align(flat, {&trajectory_, &total_});
  std::vector<bool> slots = allowed(*flat);
  for (size_t i = 0; i < slots.size(); ++i) slots[i] = slots[i] && trajectory_.known()[i];
  const QuadraticPenalty::Held held = penalty_->held(flat, penalty_->names().plugin + ".afterTrainingExp");
  FlatTensors total, omega;
  for (size_t i = 0; i < flat->values().size(); ++i) {
    const at::Tensor& w = trajectory_.tensors()[i];
    const at::Tensor moved = (flat->values()[i] - held.anchor[i]).abs().to(w.scalar_type());
    total.push_back(total_.tensors()[i] + w / moved.square_().add_(options_.eps));
    omega.push_back(total[i].neg());
    if (!options_.keeps_negative) omega[i].clamp_min_(0);
    if (options_.clip) omega[i].clamp_max_(*options_.clip);
  }
  penalty_->assign(flat, omega, slots, /*forgets=*/false);
  total_before_ = total_;
  total_.replace(std::move(total));
  for (const at::Tensor& w : trajectory_.tensors()) w.zero_();
}

}  // namespace continual
