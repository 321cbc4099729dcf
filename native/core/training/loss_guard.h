// The promise that a loss that is not finite never reaches the parameters, kept on a device without a read by the host.
#pragma once

#include "core/data/batch_gatherer.h"
#include "core/regularization/plugin_phase.h"
#include "core/training/pass_statistics.h"

namespace continual {

/// What an iteration has come to: when its loss stands, before backward.
struct Moment {
  MiniBatch batch;
  at::Tensor output;
  at::Tensor loss;
  Penalties penalties;
  std::vector<std::shared_ptr<PluginPhase>> phases;  // of plugins that have run
  uint64_t updates_before = 0;                       // of the optimizer
  PassStatistics statistics;
};

/// Watches the losses of iterations that are one job. The device notes whether a loss was NaN or infinite; from the
/// first such loss on `found_inf` is 1, and no update changes anything. The host learns of it when it looks, after the
/// job, and goes back to that iteration: parameters and the optimizer's state are still those that it began with.
///
/// What the model did meanwhile is not taken back: the running statistics of its normalisations, random numbers drawn.
class LossGuard {
 public:
  /// @param most_bytes of mini-batches and outputs that are held before it is time to look
  explicit LossGuard(const at::Device& device, size_t most_bytes = size_t{256} << 20);

  /// Iterations before it is time to look: a device may be that far behind whoever calls.
  static constexpr size_t kMostIterations = 100;

  /// Once in each iteration.
  void watch(Moment moment);

  /// Float32 [1]: 1 where this iteration's loss, or that of an earlier one, is not finite; else 0.
  const at::Tensor& found_inf() const { return found_inf_; }

  /// Whether it is time to look.
  bool is_full() const { return bytes_ > most_bytes_ || moments_.size() >= kMostIterations; }

  struct Found {
    int64_t iteration;  // of the job, from 0
    size_t updates;     // that came before it since the last look
    Moment moment;
  };
  /// Waits for the device. The first iteration whose loss is not finite; nothing where all are.
  std::optional<Found> look();

 private:
  at::Tensor sum_;        // float32 [1]: of all losses times 0, which is NaN from the first on that is not finite
  at::Tensor found_inf_;  // float32 [1]
  at::Tensor bad_;        // float32 [1]: iterations in which `found_inf` was 1
  std::vector<Moment> moments_;  // since the last look
  int64_t seen_ = 0;             // iterations before it
  size_t bytes_ = 0;
  size_t most_bytes_;
};

}  // namespace continual
