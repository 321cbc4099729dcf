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

void PassStatistics::add(double& sum, at::Tensor& sum_on_device, const at::Tensor& value, int64_t samples) {
  const at::NoGradGuard no_grad;
  const auto weight = static_cast<double>(samples);
  if (reads_are_free(value.device())) sum += value.item<double>() * weight;
  else sum_on_device = sum_of(sum_on_device, value.detach().view(at::IntArrayRef()).to(at::kDouble) * weight);
}

void PassStatistics::add_loss(const at::Tensor& loss, int64_t samples) {
  add(sums_.loss_sum, loss_sum_, loss, samples);
  sums_.samples += samples;
}

void PassStatistics::add_penalties(const Penalties& penalties, int64_t samples) {
  const auto& [added, apart] = penalties;
  if (added.defined()) add(sums_.added_penalty_sum, added_penalty_sum_, added, samples);
  if (apart.defined()) add(sums_.apart_penalty_sum, apart_penalty_sum_, apart, samples);
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
  for (at::Tensor* sum : {&loss_sum_, &added_penalty_sum_, &apart_penalty_sum_, &correct_}) sum->reset();
}

RunningStatistics PassStatistics::read() const {
  RunningStatistics sums = sums_;
  if (loss_sum_.defined()) sums.loss_sum += loss_sum_.item<double>();
  if (added_penalty_sum_.defined()) sums.added_penalty_sum += added_penalty_sum_.item<double>();
  if (apart_penalty_sum_.defined()) sums.apart_penalty_sum += apart_penalty_sum_.item<double>();
  if (correct_.defined()) sums.correct += correct_.item<int64_t>();
  return sums;
}

}  // namespace continual
