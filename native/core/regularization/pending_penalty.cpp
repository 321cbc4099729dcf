#include "core/regularization/pending_penalty.h"

#include <algorithm>
#include <cmath>

#include "core/compute/device_reads.h"
#include "core/error.h"
#include "core/regularization/penalty_kernels.h"

namespace continual {
namespace {

/// A number as a tensor [1]: infinite where the dtype cannot hold it, which `full` refuses.
at::Tensor number(double value, const at::TensorOptions& options) {
  constexpr double kInEveryDtype = 65504;  // the largest of float16
  if (std::abs(value) <= kInEveryDtype) return at::full({1}, value, options);
  return at::full({1}, value, options.dtype(at::kDouble)).to(options);
}

}  // namespace

bool PendingPenalty::is_on_device() const {
  return !flat_->values().empty() && !reads_are_free(flat_->values().front().device());
}

bool PendingPenalty::any_grad() const {
  const auto& slots = flat_->slots();
  return std::any_of(slots.begin(), slots.end(),
                     [](const ParameterSlot& slot) { return slot.parameter.grad().defined(); });
}

/// Half precision would round, or lose, the gradient before its factor is there.
bool PendingPenalty::is_written_ahead(const Run& run) const {
  return c10::toRealValueType(run.of(flat_->grads()).scalar_type()) == run.of(omega_).scalar_type();
}

template <typename Treat, typename Visit>
void PendingPenalty::visit_runs(const Treat& treat, const Visit& visit) const {
  const auto treatment = [&](size_t i) -> int64_t { return known_[i] ? treat(i) : kNothing; };
  for (const Run& run : flat_->runs(treatment)) visit(run, treatment(run.first_slot));
}

template <typename Treat>
double PendingPenalty::pass(double scale, const Treat& treat) const {
  double sum = 0;
  visit_runs(treat, [&](const Run& run, int64_t how) {
    sum += quadratic_penalty(run.of(flat_->values()), run.of(anchor_), run.of(omega_),
                             how == kValueOnly ? at::Tensor() : run.of(flat_->grads()), scale, how == kAccumulate);
  });
  return sum;
}

at::Tensor PendingPenalty::value(const at::TensorOptions& options) {
  const bool is_free = !any_grad();
  if (is_free) claim_ = flat_->claim_grads();
  return value_of(options, [&](size_t i) -> int64_t { return is_free && takes_gradient(i) ? kWrite : kValueOnly; });
}

at::Tensor PendingPenalty::value_alone(const at::TensorOptions& options) const {
  return value_of(options, [](size_t) -> int64_t { return kValueOnly; });
}

template <typename Treat>
at::Tensor PendingPenalty::value_of(const at::TensorOptions& options, const Treat& treat) const {
  if (!is_on_device()) return number(lambda_ * (pass(lambda_, treat) + offset_), options);
  at::Tensor sum;
  visit_runs(treat, [&](const Run& run, int64_t how) {
    const at::Tensor part =
        penalty_on_device(run.of(flat_->values()), run.of(anchor_), run.of(omega_),
                          how == kWrite && is_written_ahead(run) ? run.of(flat_->grads()) : at::Tensor());
    sum = sum.defined() ? sum + part : part;
  });
  return sum.defined() ? sum.add_(offset_).mul_(lambda_).to(options).view({1}) : number(lambda_ * offset_, options);
}

void PendingPenalty::backward(const at::Tensor& factor) {
  if (const auto changed = flat_->misfit()) {
    throw Error("ERR_CALL_ORDER",
                plugin_ + ": expected the model to stay as it is between penalty and backward, got " + *changed);
  }
  // What is sparse or lies elsewhere is added to like the rest.
  for (size_t i = 0; i < flat_->slots().size(); ++i) {
    if (takes_gradient(i)) flat_->settle_grad(i);
  }
  const bool is_written = claim_ == flat_->claim() && !any_grad();
  std::vector<bool> installed(flat_->slots().size());
  for (size_t i = 0; i < installed.size(); ++i) installed[i] = takes_gradient(i) && !has_grad(i);
  const auto treat = [&](size_t i) -> int64_t {
    return !takes_gradient(i) ? kNothing : installed[i] ? kWrite : kAccumulate;
  };
  if (is_on_device()) {
    const at::Tensor exact = factor.to(flat_->values().front().device(), at::kDouble).mul(2 * lambda_);
    visit_runs(treat, [&](const Run& run, int64_t how) {
      const at::Tensor grad = run.of(flat_->grads());
      const at::Tensor scale = exact.to(run.of(omega_).scalar_type());
      if (is_written && is_written_ahead(run)) {
        grad.mul_(scale);
      } else {
        add_gradient_on_device(run.of(flat_->values()), run.of(anchor_), run.of(omega_), grad, scale,
                               how == kAccumulate);
      }
    });
  } else if (const auto number = factor.item<double>(); !is_written || number != 1) {
    pass(lambda_ * number, treat);
  }
  flat_->claim_grads();
  for (size_t i = 0; i < installed.size(); ++i) {
    if (installed[i]) flat_->install_grad(i);
  }
}

}  // namespace continual
