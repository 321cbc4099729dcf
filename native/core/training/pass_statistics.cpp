#include "core/training/pass_statistics.h"

#include "core/compute/device_reads.h"

namespace continual {
namespace {

/// The place of the greatest value along dim 1, the first of equal ones.
at::Tensor greatest(const at::Tensor& values) {
  return (values.scalar_type() == at::kBool ? values.to(at::kByte) : values).argmax(1);
}

/// The labels that predictions are compared with; undefined where there are none.
at::Tensor labels_of(const at::Tensor& output, const at::Tensor& target) {
  if (!output.defined() || !target.defined() || output.dim() < 2 || output.size(1) == 0) return {};
  if (output.is_complex() || target.is_complex()) return {};
  if (target.sizes() == output.sizes()) return output.size(1) > 1 ? greatest(target) : at::Tensor();
  if (target.is_floating_point() || target.dim() != output.dim() - 1) return {};
  const bool fits = target.size(0) == output.size(0) && target.sizes().slice(1) == output.sizes().slice(2);
  return fits ? target : at::Tensor();
}

at::Tensor sum_of(const at::Tensor& before, const at::Tensor& next) { return before.defined() ? before + next : next; }

}  // namespace

void PassStatistics::add_loss(const at::Tensor& loss, int64_t samples) {
  const at::NoGradGuard no_grad;
  if (reads_are_free(loss.device())) {
    sums_.loss_sum += loss.item<double>() * static_cast<double>(samples);
  } else {
    loss_sum_ = sum_of(loss_sum_, loss.detach().view(at::IntArrayRef()).to(at::kDouble) * static_cast<double>(samples));
  }
  sums_.samples += samples;
}

bool PassStatistics::add_predictions(const at::Tensor& output, const at::Tensor& target) {
  const at::NoGradGuard no_grad;
  const at::Tensor labels = labels_of(output, target);
  if (!labels.defined()) return false;
  const at::Tensor correct = greatest(output).eq(labels).sum();
  if (reads_are_free(correct.device())) sums_.correct += correct.item<int64_t>();
  else correct_ = sum_of(correct_, correct);
  sums_.compared += labels.numel();
  return true;
}

void PassStatistics::settle() {
  sums_ = read();
  loss_sum_.reset();
  correct_.reset();
}

RunningStatistics PassStatistics::read() const {
  RunningStatistics sums = sums_;
  if (loss_sum_.defined()) sums.loss_sum += loss_sum_.item<double>();
  if (correct_.defined()) sums.correct += correct_.item<int64_t>();
  return sums;
}

}  // namespace continual
