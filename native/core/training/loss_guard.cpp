#include "core/training/loss_guard.h"

namespace continual {

LossGuard::LossGuard(const at::Device& device, size_t most_bytes)
    : sum_(at::zeros({1}, at::TensorOptions(device).dtype(at::kFloat))),
      found_inf_(at::zeros_like(sum_)),
      bad_(at::zeros_like(sum_)),
      most_bytes_(most_bytes) {}

void LossGuard::watch(Moment moment) {
  const at::NoGradGuard no_grad;
  moment.output = moment.output.defined() ? moment.output.detach() : moment.output;
  moment.loss = moment.loss.detach();
  if (moment.loss.numel() == 1) {
    sum_.add_(moment.loss.view({1}).to(sum_.device()), /*alpha=*/0);
    at::ne_out(found_inf_, sum_, 0);
  }
  bad_.add_(found_inf_);
  const auto hold = [this](const at::Tensor& tensor) {
    if (tensor.defined() && tensor.has_storage()) bytes_ += tensor.storage().nbytes();
  };
  for (const at::Tensor& input : moment.batch.x.tensors) hold(input);
  hold(moment.batch.y);
  hold(moment.output);
  moments_.push_back(std::move(moment));
}

std::optional<LossGuard::Found> LossGuard::look() {
  if (moments_.empty()) return std::nullopt;
  const auto bad = static_cast<size_t>(bad_.item<float>());
  const size_t good = moments_.size() - bad;
  std::optional<Found> found;
  if (bad > 0) found = {seen_ + static_cast<int64_t>(good), good, moments_[good]};
  seen_ += static_cast<int64_t>(moments_.size());
  moments_.clear();
  bytes_ = 0;
  return found;
}

}  // namespace continual
