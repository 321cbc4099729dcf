// Forward, criterion, penalty, backward and update as one job; many iterations of them as one job too.
#pragma once

#include "core/data/minibatches.h"
#include "core/flat_parameters.h"
#include "core/models/model.h"
#include "core/optimizers/optimizer.h"
#include "core/regularization/mas.h"
#include "core/training/cross_entropy.h"
#include "core/training/loss_guard.h"
#include "core/training/pass_statistics.h"

namespace continual {

enum class Phase : int {
  kFetch,
  kZeroGrad,
  kForward,
  kCriterion,
  kPenalty,
  kBackward,
  kUpdate,
  kMeasure,
  kMeasureAccuracy
};

struct PlannedPhase {
  Phase phase;
  std::shared_ptr<Mas> mas;  // of kPenalty
};

/// The state of one strategy's current mini-batch, and the phases that move it on.
class TrainingStep {
 public:
  TrainingStep(std::shared_ptr<Model> model, std::shared_ptr<Optimizer> optimizer,
               std::optional<CrossEntropy> criterion, at::Device device);

  /// Steps of this strategy train `model`, or update with `optimizer`, from now on.
  void set_model(std::shared_ptr<Model> model);
  void set_optimizer(std::shared_ptr<Optimizer> optimizer);

  /// Tells the optimizer which parameters the model has now (see `Optimizer::update`). As in the reference, a
  /// strategy's first look at the optimizer makes no difference between parameters that it knew and others. Parameters
  /// that have been laid out are laid out again where they are others now.
  void update_optimizer(bool reset_state, bool remove_params);
  bool knows_optimizer() const { return known_.has_value(); }
  /// Lays the parameters of model and optimizer out flat; true if they were not yet.
  bool lay_out();

  /// Begins a pass, whose mini-batches are summed up in `statistics`; `close` goes back to the pass that was under way
  /// before (an evaluation may come in the middle of an epoch).
  void open() { passes_.emplace_back(); }
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

  /// The importance pass, on the parameters that the model has now: over the open pass's mini-batches, for as long as
  /// `budget` allows, over one of the caller's, or over one whose output the caller has computed. Throws ERR_CALL_ORDER
  /// where nothing is laid out, and where the model changes before `end_importance`.
  void begin_importance(Mas& mas);
  Progress accumulate_importance(Mas& mas, std::chrono::milliseconds budget, const std::atomic<bool>& stopping);
  void accumulate_importance(Mas& mas, const MiniBatch& batch);
  void accumulate_importance(Mas& mas, const at::Tensor& model_output);
  void end_importance(Mas& mas, bool first_experience);

  /// Throws ERR_LOSS_NOT_FINITE with the likely cause where the loss is NaN or infinite.
  void check_loss() const;

  MiniBatch on_device(const Inputs& x, const at::Tensor& y, const at::Tensor& task_id) const;

  /// Forgets mini-batch, output and loss.
  void clear();

  /// Of the open pass. Waits for the device.
  RunningStatistics statistics() const {
    return passes_.empty() ? RunningStatistics{} : passes_.back().statistics.read();
  }

  MiniBatch batch;
  at::Tensor output;
  at::Tensor loss;  // [1] in training, 0-dim in evaluation

 private:
  bool fetch(MiniBatch& into);
  /// The iterations of `run`, counted in `progress`.
  void iterate(const std::vector<PlannedPhase>& plan, bool grad_enabled, int64_t max_iterations,
               std::chrono::milliseconds budget, const std::atomic<bool>& stopping, Progress& progress);
  /// Learns whether the guarded losses were finite. Goes back to the first that was not, which ends the run there
  /// whatever came later.
  void look_at_losses(Progress& progress);
  [[noreturn]] void throw_not_finite() const;
  void run_phase(const PlannedPhase& planned, bool grad_enabled);
  void zero_grad();
  void forward();
  void criterion(bool training);
  void penalty(const std::shared_ptr<Mas>& mas);
  void backward();
  void update();
  /// Adds the mini-batch to the statistics. With `needs_labels` throws ERR_ACCURACY_TARGET where no prediction can be
  /// compared with its target; else only its loss counts there.
  void measure(bool needs_labels);

  /// The model's parameters, and after them what else the optimizer has.
  NamedTensors parameters() const;
  void require_layout(const char* operation) const;

  std::shared_ptr<Model> model_;
  std::shared_ptr<Optimizer> optimizer_;
  std::optional<CrossEntropy> criterion_;
  at::Device device_;
  std::shared_ptr<FlatParameters> flat_;
  std::optional<NamedTensors> known_;  // the model's parameters when the optimizer was last told
  struct Pass {
    std::shared_ptr<MiniBatches> loader;  // null: mini-batches come by `set_batch`
    PassStatistics statistics;
  };
  std::vector<Pass> passes_;
  std::vector<std::shared_ptr<Mas>> penalties_;  // in the current loss
  std::optional<LossGuard> guard_;               // of the run under way
};

}  // namespace continual
