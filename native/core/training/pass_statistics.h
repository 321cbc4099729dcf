// Loss and correct predictions, summed up over the mini-batches of a pass.
#pragma once

#include "core/regularization/plugin_phase.h"

namespace continual {

/// Sums over the mini-batches of a pass, each weighted by its number of samples.
struct RunningStatistics {
  double loss_sum = 0;
  /// Of the penalties that are part of the losses, and of those that are not.
  double added_penalty_sum = 0;
  double apart_penalty_sum = 0;
  int64_t samples = 0;
  int64_t correct = 0;
  /// Predictions (argmax over dim 1) that could be compared with a target.
  int64_t compared = 0;
};

/// Adds them up, on a device without a read by the host. A copy stays what it was when it was made.
class PassStatistics {
 public:
  PassStatistics() = default;
  /// Goes on from these.
  explicit PassStatistics(const RunningStatistics& sums) : sums_(sums) {}

  void add_loss(const at::Tensor& loss, int64_t samples);
  void add_penalties(const Penalties& penalties, int64_t samples);

  /// Compares the predictions of `output` [B, C, ...] with `target`: labels [B, ...], or a number for each class, as
  /// `output`. False, having added nothing, where it is neither, as in a regression.
  bool add_predictions(const at::Tensor& output, const at::Tensor& target);

  /// Waits for a device that has summed up, after which `read` need not.
  void settle();

  /// Waits for a device that has summed up since `settle`.
  RunningStatistics read() const;

 private:
  /// Adds value * samples to one of the two, by where it lies.
  static void add(double& sum, at::Tensor& sum_on_device, const at::Tensor& value, int64_t samples);

  RunningStatistics sums_;  // but for what lies on a device
  // Replaced, never changed in place: copies hold them too.
  at::Tensor loss_sum_, added_penalty_sum_, apart_penalty_sum_;  // float64 []
  at::Tensor correct_;                                           // int64 []
};

}  // namespace continual
