// Forward, criterion, penalty, backward and update as one job; many iterations of them as one job too.
#pragma once

#include "core/cross_entropy.h"
#include "core/flat_parameters.h"
#include "core/mas.h"
#include "core/minibatches.h"
#include "core/model.h"
#include "core/optimizer.h"

namespace continual {

enum class Phase : int { kFetch, kZeroGrad, kForward, kCriterion, kPenalty, kBackward, kUpdate, kMeasure };

struct PlannedPhase {
  Phase phase;
  std::shared_ptr<Mas> mas;  // of kPenalty
};

/// Sums over the mini-batches of a pass, each weighted by its number of samples.
struct RunningStatistics {
  double loss_sum = 0;
  int64_t samples = 0;
  int64_t correct = 0;
  /// Samples whose prediction (argmax over dim 1) could be compared with the target.
  int64_t compared = 0;
};

/// The state of one strategy's current mini-batch, and the phases that move it on.
class TrainingStep {
 public:
  TrainingStep(std::shared_ptr<Model> model, std::shared_ptr<Optimizer> optimizer,
               std::optional<CrossEntropy> criterion, at::Device device);

  /// Moves the model to the device, lays its parameters out flat and tells the optimizer.
  void prepare(bool reset_optimizer_state);

  /// Begins a pass over a dataset; `close` goes back to the pass that was under way before (an evaluation may come in
  /// the middle of an epoch).
  void open(std::shared_ptr<const Dataset> dataset, int64_t batch_size, bool shuffle, bool drop_last);
  void close();
  int64_t batches() const { return passes_.empty() ? 0 : passes_.back().loader.length(); }

  struct Progress {
    int64_t iterations = 0;    // that ran to their end
    bool exhausted = false;    // kFetch found no further mini-batch
    std::exception_ptr error;  // what ended the iteration after those
  };
  /// Runs the phases in order, `max_iterations` times or until `budget` has passed (looked at between iterations).
  /// With `grad_enabled` false nothing is recorded for backward.
  Progress run(const std::vector<PlannedPhase>& plan, bool grad_enabled, int64_t max_iterations,
               std::chrono::milliseconds budget, const std::atomic<bool>& stopping);

  /// The importance pass over the open dataset, for as long as `budget` allows.
  Progress accumulate_importance(Mas& mas, std::chrono::milliseconds budget, const std::atomic<bool>& stopping);

  /// Forgets mini-batch, output and loss.
  void clear();

  const std::shared_ptr<FlatParameters>& flat() const { return flat_; }
  RunningStatistics statistics() const { return passes_.empty() ? RunningStatistics{} : passes_.back().statistics; }

  MiniBatch batch;
  at::Tensor output;
  at::Tensor loss;  // [1] in training, 0-dim in evaluation

 private:
  bool fetch(MiniBatch& into);
  void run_phase(const PlannedPhase& planned, bool grad_enabled);
  void zero_grad();
  void forward();
  void criterion(bool training);
  void backward();
  void measure();

  std::shared_ptr<Model> model_;
  std::shared_ptr<Optimizer> optimizer_;
  std::optional<CrossEntropy> criterion_;
  at::Device device_;
  std::shared_ptr<FlatParameters> flat_;
  struct Pass {
    MiniBatches loader;
    RunningStatistics statistics;
  };
  std::vector<Pass> passes_;
};

}  // namespace continual
