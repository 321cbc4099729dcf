#include "core/training/training_step.h"

#include <algorithm>
#include <limits>
#include <unordered_set>

#include "core/compute/device_reads.h"
#include "core/compute/work_size.h"
#include "core/error.h"
#include "core/models/script_errors.h"
#include "core/training/loss_not_finite.h"

namespace continual {
namespace {

/// Runs `body`; what libtorch reports is given the operation and the tensors that it was about.
template <typename Body>
void explained(const std::string& code, const std::function<std::string()>& what, const Body& body) {
  try {
    body();
  } catch (const c10::OutOfMemoryError&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const c10::Error& error) {
    if (is_out_of_memory(error)) throw;
    throw Error(code, what() + ": " + cause_first(error.what_without_backtrace()));
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(code, what() + ": " + cause_first(error.what()));
  }
}

/// Without those that only keep something, as the integers of a quantised model.
NamedTensors trainable_parameters(const Model& model) {
  NamedTensors named = model.named_parameters();
  std::erase_if(named, [](const auto& entry) { return !is_trainable(entry.second.scalar_type()); });
  return named;
}

at::Tensor no_loss(const at::Device& device) { return at::zeros({1}, at::TensorOptions(device)); }

}  // namespace

TrainingStep::TrainingStep(std::shared_ptr<Model> model, std::shared_ptr<Optimizer> optimizer,
                           const std::optional<CrossEntropy>& criterion, at::Device device)
    : loss(no_loss(device)),
      model_(std::move(model)),
      optimizer_(std::move(optimizer)),
      device_(device) {
  if (criterion) set_criterion(*criterion);
}

void TrainingStep::set_model(std::shared_ptr<Model> model) { model_ = std::move(model); }

void TrainingStep::set_optimizer(std::shared_ptr<Optimizer> optimizer) {
  optimizer_ = std::move(optimizer);
  updates_before_ = optimizer_->updates();
}

void TrainingStep::update_optimizer(bool reset_state, bool remove_params) {
  NamedTensors now = trainable_parameters(*model_);
  optimizer_->update(now, known_.value_or(NamedTensors{}), remove_params);
  if (reset_state) optimizer_->reset_state();
  known_ = std::move(now);
  if (flat_) lay_out();  // what is new is trained from the next iteration on
}

NamedTensors TrainingStep::parameters() const {
  NamedTensors named = trainable_parameters(*model_);
  std::unordered_set<at::TensorImpl*> of_model;
  for (const auto& [name, parameter] : named) of_model.insert(parameter.unsafeGetTensorImpl());
  for (const at::Tensor& parameter : optimizer_->parameters()) {
    if (!of_model.count(parameter.unsafeGetTensorImpl())) named.emplace_back("", parameter);
  }
  return named;
}

bool TrainingStep::lay_out() {
  const NamedTensors named = parameters();
  const bool changed = !flat_ || !flat_->holds(named);
  if (changed) flat_ = FlatParameters::create(named);
  flat_->settle();
  optimizer_->attach(flat_);
  return changed;
}

Moment TrainingStep::moment() const {
  return {batch,
          output,
          loss,
          penalties,
          phases_,
          updates_before_,
          passes_.empty() ? PassStatistics{} : passes_.back().statistics};
}

void TrainingStep::go_back_to(Moment moment) {
  batch = std::move(moment.batch);
  output = std::move(moment.output);
  loss = std::move(moment.loss);
  penalties = std::move(moment.penalties);
  phases_ = std::move(moment.phases);
  updates_before_ = moment.updates_before;
  if (!passes_.empty()) passes_.back().statistics = moment.statistics;
}

void TrainingStep::open(bool apart) {
  passes_.push_back({.interrupted = apart ? std::optional(moment()) : std::nullopt});
}

void TrainingStep::close() {
  if (passes_.empty()) return;
  std::optional<Moment> interrupted = std::move(passes_.back().interrupted);
  passes_.pop_back();
  if (interrupted) go_back_to(std::move(*interrupted));
}

void TrainingStep::load(std::shared_ptr<MiniBatches> loader) {
  if (!passes_.empty()) passes_.back().loader = std::move(loader);
}

MiniBatch TrainingStep::on_device(const Inputs& x, const at::Tensor& y, const at::Tensor& task_id) const {
  MiniBatch result;
  result.x = x.map([&](const at::Tensor& input) { return input.to(device_, /*non_blocking=*/true); });
  result.y = y.to(device_, /*non_blocking=*/true);
  result.task_id = task_id.to(device_, /*non_blocking=*/true);
  if (y.is_cpu()) result.labels = y;
  return result;
}

void TrainingStep::set_batch(const Inputs& x, const at::Tensor& y, const at::Tensor& task_id) {
  batch = on_device(x, y, task_id);
  begin_mini_batch();
}

void TrainingStep::begin_mini_batch() {
  phases_.clear();
  penalties = {};
}

bool TrainingStep::fetch() {
  begin_mini_batch();
  return !passes_.empty() && passes_.back().loader && passes_.back().loader->next(batch, device_);
}

void TrainingStep::clear() {
  batch = {};
  begin_mini_batch();
  output.reset();
  loss = no_loss(device_);
}

TrainingStep::Progress TrainingStep::run(const std::vector<PlannedPhase>& plan, bool grad_enabled,
                                         int64_t max_iterations, std::chrono::milliseconds budget,
                                         const std::atomic<bool>& stopping) {
  Progress progress;
  try {
    if (max_iterations > 1 && grad_enabled && !reads_are_free(device_)) guard_.emplace(device_);
    iterate(plan, grad_enabled, max_iterations, budget, stopping, progress);
  } catch (...) {
    progress.error = std::current_exception();
  }
  if (guard_) look_at_losses(progress);
  guard_.reset();
  // Here, and not on the thread that asks for the sums, a device is waited for.
  if (progress.exhausted && !progress.error && !passes_.empty()) {
    try {
      passes_.back().statistics.settle();
    } catch (...) {
      progress.error = std::current_exception();
    }
  }
  return progress;
}

void TrainingStep::iterate(const std::vector<PlannedPhase>& plan, bool grad_enabled, int64_t max_iterations,
                           std::chrono::milliseconds budget, const std::atomic<bool>& stopping, Progress& progress) {
  const at::AutoGradMode grad_mode(grad_enabled);
  const auto deadline = std::chrono::steady_clock::now() + budget;
  while (progress.iterations < max_iterations) {
    for (const PlannedPhase& planned : plan) {
      if (planned.phase == Phase::kFetch) {
        explained(
            "ERR_BATCH", [] { return "mini-batch: cannot be gathered from the dataset"; },
            [&] { progress.exhausted = !fetch(); });
        if (progress.exhausted) return;
        if (max_iterations > 1 && passes_.back().loader) passes_.back().loader->prepare_meanwhile();
      } else {
        run_phase(planned, grad_enabled);
      }
    }
    ++progress.iterations;
    if (guard_ && guard_->is_full()) look_at_losses(progress);
    if (progress.error || stopping || std::chrono::steady_clock::now() >= deadline) break;
  }
  // Between two iterations of which each is several jobs: the next one can then begin on the calling thread.
  const bool ends_iteration = !plan.empty() && plan.back().phase == (grad_enabled ? Phase::kUpdate : Phase::kCriterion);
  if (max_iterations == 1 && ends_iteration && !passes_.empty() && passes_.back().loader)
    passes_.back().loader->prepare();
}

void TrainingStep::look_at_losses(Progress& progress) {
  try {
    std::optional<LossGuard::Found> found = guard_->look();
    optimizer_->settle(found ? found->updates : std::numeric_limits<size_t>::max());
    if (!found) return;
    progress.iterations = found->iteration;
    progress.exhausted = false;
    go_back_to(std::move(found->moment));
    optimizer_->zero_grad();
    guard_.reset();
    throw loss_not_finite(moment(), *model_, *optimizer_);
  } catch (const Error&) {
    progress.error = std::current_exception();
  } catch (...) {
    if (!progress.error) progress.error = std::current_exception();
    optimizer_->settle(std::numeric_limits<size_t>::max());
  }
}

bool TrainingStep::is_light(const std::vector<PlannedPhase>& plan, int64_t max_iterations) const {
  if (max_iterations != 1) return false;
  return std::all_of(plan.begin(), plan.end(), [&](const PlannedPhase& planned) {
    switch (planned.phase) {
      case Phase::kZeroGrad: return true;
      case Phase::kFetch: return !passes_.empty() && passes_.back().loader && passes_.back().loader->is_prepared();
      case Phase::kCriterion: return output.defined() && output.device().is_cpu() && is_light_pass(output.numel());
      default: return false;
    }
  });
}

void TrainingStep::run_phase(const PlannedPhase& planned, bool grad_enabled) {
  switch (planned.phase) {
    case Phase::kFetch: return;
    case Phase::kZeroGrad: return zero_grad();
    case Phase::kForward: return forward(grad_enabled);
    case Phase::kCriterion: return criterion(grad_enabled);
    case Phase::kPlugin: return plugin(planned.plugin);
    case Phase::kBackward: return backward();
    case Phase::kUpdate: return update();
    case Phase::kMeasure: return measure(/*needs_labels=*/false);
    case Phase::kMeasureAccuracy: return measure(/*needs_labels=*/true);
  }
}

void TrainingStep::zero_grad() {
  optimizer_->zero_grad();
  loss = no_loss(device_);
}

void TrainingStep::forward(bool training) {
  if (!batch.x.defined()) {
    throw Error("ERR_CALL_ORDER",
                "forward: expected a mini-batch, got none: an evaluation in a hook inside the iteration forgets it");
  }
  explained(
      "ERR_FORWARD",
      [&] {
        return "forward: the model failed on a mini-batch " + describe(batch.x) +
               (training && batch.size() == 1 ? ", of one sample (`dropLast: true` leaves an incomplete one out)" : "");
      },
      [&] { output = model_->forward(batch.x, batch.task_id); });
}

void TrainingStep::criterion(bool training) {
  if (!criterion_) throw Error("ERR_CRITERION", "criterion: this strategy was made with one of JavaScript");
  if (!output.defined() || !batch.y.defined()) {
    throw Error("ERR_CALL_ORDER",
                "criterion: expected a mini-batch and the model's output, got none: an evaluation in a hook inside the "
                "iteration forgets them");
  }
  criterion_->check_labels(output, batch.labels.defined() ? batch.labels : batch.y);
  explained(
      "ERR_CRITERION",
      [&] { return "criterion: failed on output " + describe(output) + " and target " + describe(batch.y); },
      [&] {
        const at::Tensor value = (*criterion_)(output, batch.y);
        // In training plugins add to the loss in place, which keeps its shape [1].
        if (training) loss.add_(value);
        else loss = value;
      });
}

void TrainingStep::plugin(const std::shared_ptr<PluginPhase>& phase) {
  if (!flat_) {
    throw Error("ERR_CALL_ORDER", phase->name() +
                                      ": expected a strategy that trains: its parameters are prepared in "
                                      "beforeTrainingExp, before the hook of that name, and have not been yet");
  }
  if (phase->may_find_other_parameters() || flat_->misfit()) lay_out();
  phases_.push_back(phase);
  explained(
      phase->error_code(), [&] { return phase->name() + ": failed on output " + describe(output); },
      [&] {
        phase->run({batch, output, loss, penalties, flat_, *optimizer_, updates_before_, found_inf()});
      });
}

void TrainingStep::backward() {
  check_loss();
  std::optional<FlatParameters::Receiving> in_place;
  if (flat_) in_place.emplace(*flat_, [this](size_t i, const at::Tensor& grad) { return flat_->write_grad(i, grad); });
  explained(
      "ERR_BACKWARD", [&] { return "backward: failed on loss " + describe(loss); }, [&] { loss.backward(); });
}

/// What a hook has added to the optimizer, or made of the model, gets its place.
void TrainingStep::update() {
  if (flat_ && (!optimizer_->is_on(*flat_) || flat_->misfit())) lay_out();
  optimizer_->step(found_inf());
}

at::Tensor TrainingStep::found_inf() const { return guard_ ? guard_->found_inf() : at::Tensor(); }

void TrainingStep::check_loss() {
  updates_before_ = optimizer_->updates();
  if (guard_) guard_->watch(moment());
  else if (!is_finite(loss)) throw loss_not_finite(moment(), *model_, *optimizer_);
}

void TrainingStep::measure(bool needs_labels) {
  if (passes_.empty()) return;
  if (!batch.y.defined()) throw Error("ERR_CALL_ORDER", "statistics: expected a mini-batch, got none");
  PassStatistics& statistics = passes_.back().statistics;
  statistics.add_loss(loss, batch.size());
  statistics.add_penalties(penalties, batch.size());
  if (!statistics.add_predictions(output, batch.y) && needs_labels) {
    throw Error("ERR_ACCURACY_TARGET",
                "accuracy: expected targets that are labels, integers [B], or a number for each class, as the output "
                "[B, C], got output " +
                    describe(output) + " and target " + describe(batch.y) +
                    ": a regression is measured by lossMetrics in place of accuracyMetrics");
  }
}

}  // namespace continual
