// Forward, criterion, backward, update and what plugins add to them as one job; many iterations of them as one job too.
#pragma once

#include "core/data/minibatches.h"
#include "core/flat_parameters.h"
#include "core/models/model.h"
#include "core/optimizers/optimizer.h"
#include "core/regularization/plugin_phase.h"
#include "core/training/cross_entropy.h"
#include "core/training/loss_guard.h"
#include "core/training/pass_statistics.h"

namespace continual {

enum class Phase : int {
  kFetch,
  kZeroGrad,
  kForward,
  kCriterion,
  kPlugin,
  kBackward,
  kUpdate,
  kMeasure,
  kMeasureAccuracy
};

struct PlannedPhase {
  Phase phase;
  std::shared_ptr<PluginPhase> plugin = nullptr;  // of kPlugin
};

/// The state of one strategy's current mini-batch, and the phases that move it on.
class TrainingStep {
 public:
  TrainingStep(std::shared_ptr<Model> model, std::shared_ptr<Optimizer> optimizer,
               const std::optional<CrossEntropy>& criterion, at::Device device);

  /// Steps of this strategy train `model`, or update with `optimizer`, from now on.
  void set_model(std::shared_ptr<Model> model);
  void set_optimizer(std::shared_ptr<Optimizer> optimizer);
  void set_criterion(const CrossEntropy& criterion) { criterion_ = criterion.to(device_); }

  /// Tells the optimizer which parameters the model has now (see `Optimizer::update`). As in the reference, a
  /// strategy's first look at the optimizer makes no difference between parameters that it knew and others. Parameters
  /// that have been laid out are laid out again where they are others now.
  void update_optimizer(bool reset_state, bool remove_params);
  bool knows_optimizer() const { return known_.has_value(); }
  /// Lays the parameters of model and optimizer out flat; true if they were not yet.
  bool lay_out();

  /// Begins a pass, whose mini-batches are summed up in `statistics`; `close` goes back to the pass that was under way
  /// before (an evaluation may come in the middle of an epoch), and where this one was `apart`, a plugin's own over
  /// other mini-batches, to mini-batch, output and loss of before too.
  void open(bool apart = false);
  void close();
  size_t passes() const { return passes_.size(); }
  /// Where kFetch takes the mini-batches of the open pass from.
  void load(std::shared_ptr<MiniBatches> loader);
  /// Puts a mini-batch of the caller's on the device.
  void set_batch(const Inputs& x, const at::Tensor& y, const at::Tensor& task_id);

  struct Progress {
    int64_t iterations = 0;              // that ran to their end
    bool exhausted = false;              // kFetch found no further mini-batch
    std::exception_ptr error = nullptr;  // what ended the iteration after those
  };
  /// Runs the phases in order, `max_iterations` times or until `budget` has passed (looked at between iterations).
  /// With `grad_enabled` false nothing is recorded for backward.
  ///
  /// A loss that is not finite ends the run before its backward. On a device other than the CPU many iterations go on
  /// without a look at it, under a `LossGuard`; the run looks at its end and gives the same progress, error and
  /// statistics.
  Progress run(const std::vector<PlannedPhase>& plan, bool grad_enabled, int64_t max_iterations,
               std::chrono::milliseconds budget, const std::atomic<bool>& stopping);

  /// Whether `run` would take a few microseconds: clear gradients, take a prepared mini-batch, or compute a small loss.
  bool is_light(const std::vector<PlannedPhase>& plan, int64_t max_iterations) const;

  /// Before backward. Throws ERR_LOSS_NOT_FINITE with the likely cause where the loss is NaN or infinite; where a run
  /// is guarded, its end does.
  void check_loss();

  MiniBatch on_device(const Inputs& x, const at::Tensor& y, const at::Tensor& task_id) const;

  /// Forgets mini-batch, output and loss.
  void clear();

  /// Of the open pass. Waits for the device.
  RunningStatistics statistics() const {
    return passes_.empty() ? RunningStatistics{} : passes_.back().statistics.read();
  }
  /// The open pass goes on from these.
  void set_statistics(const RunningStatistics& sums) {
    if (!passes_.empty()) passes_.back().statistics = PassStatistics(sums);
  }

  MiniBatch batch;
  at::Tensor output;
  at::Tensor loss;  // [1] in training, 0-dim in evaluation
  Penalties penalties;

 private:
  bool fetch();
  /// What plugins have done with the mini-batch before is forgotten.
  void begin_mini_batch();
  /// The iterations of `run`, counted in `progress`.
  void iterate(const std::vector<PlannedPhase>& plan, bool grad_enabled, int64_t max_iterations,
               std::chrono::milliseconds budget, const std::atomic<bool>& stopping, Progress& progress);
  /// Learns whether the guarded losses were finite. Goes back to the first that was not, which ends the run there
  /// whatever came later.
  void look_at_losses(Progress& progress);
  void run_phase(const PlannedPhase& planned, bool grad_enabled);
  void zero_grad();
  void forward(bool training);
  void criterion(bool training);
  void plugin(const std::shared_ptr<PluginPhase>& phase);
  void backward();
  void update();
  at::Tensor found_inf() const;
  /// Adds the mini-batch to the statistics. With `needs_labels` throws ERR_ACCURACY_TARGET where no prediction can be
  /// compared with its target; else only its loss counts there.
  void measure(bool needs_labels);

  /// The model's parameters, and after them what else the optimizer has.
  NamedTensors parameters() const;
  Moment moment() const;
  void go_back_to(Moment moment);

  std::shared_ptr<Model> model_;
  std::shared_ptr<Optimizer> optimizer_;
  std::optional<CrossEntropy> criterion_;
  at::Device device_;
  std::shared_ptr<FlatParameters> flat_;
  std::optional<NamedTensors> known_;  // the model's parameters when the optimizer was last told
  struct Pass {
    std::optional<Moment> interrupted;         // what comes back at the end of a pass apart
    std::shared_ptr<MiniBatches> loader = {};  // null: mini-batches come by `set_batch`
    PassStatistics statistics = {};
  };
  std::vector<Pass> passes_;
  std::vector<std::shared_ptr<PluginPhase>> phases_;  // of plugins, in this iteration
  uint64_t updates_before_ = 0;                       // of the optimizer, before this iteration's
  std::optional<LossGuard> guard_;                    // of the run under way
};

}  // namespace continual
