// The JavaScript handle of a strategy's current mini-batch and the phases that move it on.
#include "binding/objects/training_step.h"

#include <algorithm>

#include "binding/functions/device.h"
#include "binding/objects/minibatches.h"
#include "binding/objects/plugin_phase.h"
#include "binding/objects/tensor.h"
#include "binding/util/inputs.h"
#include "binding/util/promise_worker.h"
#include "core/files/packed_tensors.h"
#include "core/overrides/cpu_block_cache.h"

namespace continual::binding {
namespace {

using Progress = TrainingStep::Progress;

Napi::Object new_object(Napi::Env env, const Progress& progress) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("iterations", static_cast<double>(progress.iterations));
  object.Set("exhausted", progress.exhausted);
  object.Set("error", progress.error ? to_javascript(env, describe(progress.error)).Value() : env.Null());
  return object;
}

Napi::Value to_object(Napi::Env env, const Progress& progress) {
  if (progress.iterations != 1 || progress.exhausted || progress.error) return new_object(env, progress);
  Napi::ObjectReference& usual = Environment::of(env).one_iteration;
  if (usual.IsEmpty()) {
    usual = Napi::Persistent(new_object(env, progress));
    usual.Value().Freeze();
  }
  return usual.Value();
}

/// A phase is its number in `Phase`, or one of a plugin.
PlannedPhase to_phase(const Napi::Value& value) {
  if (value.IsObject()) return {Phase::kPlugin, PluginPhaseHandle::get(value).phase};
  const int64_t number = integer_argument(value, "phase");
  if (number < 0 || number > static_cast<int64_t>(Phase::kMeasureAccuracy) ||
      number == static_cast<int64_t>(Phase::kPlugin)) {
    wrong_argument("a phase");
  }
  return {static_cast<Phase>(number)};
}

std::optional<CrossEntropy> to_criterion(const Napi::Value& value) {
  if (is_absent(value)) return std::nullopt;
  if (!value.IsObject()) wrong_argument("a criterion");
  const auto options = value.As<Napi::Object>();
  CrossEntropy criterion;
  if (!is_absent(options.Get("weight"))) criterion.weight = TensorHandle::tensor(options.Get("weight"));
  criterion.ignore_index = integer_argument(options.Get("ignoreIndex"), "ignoreIndex");
  criterion.label_smoothing = number_argument(options.Get("labelSmoothing"), "labelSmoothing");
  if (!is_absent(options.Get("classes"))) {
    criterion.classes = TensorHandle::tensor(options.Get("classes")).to(at::kCPU).clone();
    if (criterion.classes.dim() != 1 || criterion.classes.scalar_type() != at::kLong) wrong_argument("classes int64 [K]");
    if (criterion.classes.numel() > 0) {
      criterion.largest_class = criterion.classes.max().item<int64_t>();
      if (criterion.classes.min().item<int64_t>() < 0) wrong_argument("classes of at least 0");
    }
  }
  return criterion;
}

/// Native: createTrainingStep(model: Module, optimizer: Optimizer, criterion: object | null, device: string)
Napi::Value create_training_step(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    SharedStep shared{nullptr, ModuleHandle::get(info[0]), OptimizerHandle::get(info[1])};
    shared.step = std::make_shared<Shared<TrainingStep>>(
        std::make_shared<TrainingStep>(shared.model->object, shared.optimizer->object, to_criterion(info[2]),
                                       device_named(string_argument(info[3], "device"))));
    return TrainingStepHandle::make(Environment::of(env).training_step_class, shared);
  });
}

}  // namespace

void TrainingStepHandle::define(Napi::Env env, Napi::Object exports) {
  using Self = TrainingStepHandle;
  const Napi::Function constructor = DefineClass(env, kName,
                                                 {InstanceMethod<&Self::hold>("hold"),
                                                  InstanceMethod<&Self::release>("release"),
                                                  InstanceMethod<&Self::set_model>("setModel"),
                                                  InstanceMethod<&Self::set_optimizer>("setOptimizer"),
                                                  InstanceMethod<&Self::set_criterion>("setCriterion"),
                                                  InstanceMethod<&Self::knows_optimizer>("knowsOptimizer"),
                                                  InstanceMethod<&Self::update_optimizer>("updateOptimizer"),
                                                  InstanceMethod<&Self::lay_out>("layOut"),
                                                  InstanceMethod<&Self::open>("open"),
                                                  InstanceMethod<&Self::close>("close"),
                                                  InstanceMethod<&Self::load>("load"),
                                                  InstanceMethod<&Self::passes>("passes"),
                                                  InstanceMethod<&Self::set_batch>("setBatch"),
                                                  InstanceMethod<&Self::check_loss>("checkLoss"),
                                                  InstanceMethod<&Self::run>("run"),
                                                  InstanceMethod<&Self::clear>("clear"),
                                                  InstanceMethod<&Self::get>("get"),
                                                  InstanceMethod<&Self::set>("set"),
                                                  InstanceMethod<&Self::statistics>("statistics"),
                                                  InstanceMethod<&Self::set_statistics>("setStatistics"),
                                                  InstanceMethod<&Self::pack>("pack")});
  Environment::of(env).training_step_class = Napi::Persistent(constructor);
  exports.Set("createTrainingStep", Napi::Function::New(env, create_training_step, "createTrainingStep"));
}

/// Predictions under way keep the parameters that there were when they began.
TrainingStep& TrainingStepHandle::idle() const {
  value_.model->readable("strategy");
  value_.optimizer->idle("strategy");
  return *value_.step->object;
}

/// Runs `work(step, stopping)` on the compute thread; model, optimizer and what else it uses are occupied meanwhile.
template <typename Work>
Napi::Value TrainingStepHandle::submit(Napi::Env env, Used used, Work work, std::chrono::microseconds patience) {
  idle();
  used.insert(used.end(), {value_.step, value_.model, value_.optimizer});
  const std::atomic<bool>& stopping = Environment::of(env).computing().stopping();
  return run_on_compute_thread(
      env, std::move(used),
      [step = value_.step->object, work = std::move(work), &stopping]() -> Progress {
        keep_large_blocks(true);  // until `clear`
        return work(*step, stopping);
      },
      [](Napi::Env result_env, const Progress& progress) { return to_object(result_env, progress); }, patience);
}

void Hold::take(const std::shared_ptr<Occupation>& occupation, const std::string& operation) {
  int64_t& holder = occupation->holder();
  if (holder == call) return;
  if (holder != 0 && std::find(hosts.begin(), hosts.end(), holder) == hosts.end()) {
    throw Error("ERR_BUSY",
                operation +
                    ": expected a model and an optimizer that no other strategy trains or evaluates, got one that "
                    "does; await the promise of that call first, or call this in a hook of that strategy");
  }
  before.emplace_back(occupation, holder);
  holder = call;
}

/// hold(operation: string, hosts: number[]) -> { call: number, isShared: boolean }: a call of `train` or `eval` begins
/// that these calls, in whose hooks it is made, wait for. Until `release` no other strategy gets model and optimizer;
/// between two jobs of this one its jobs would make them busy. `isShared`: one of the hosts holds them too.
Napi::Value TrainingStepHandle::hold(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    static std::atomic<int64_t> calls{0};
    const std::string operation = string_argument(info[0], "operation");
    value_.holds.push_back({.call = ++calls, .hosts = array_argument(info[1], "hosts", [](const Napi::Value& host) {
                                               return integer_argument(host, "a host");
                                             })});
    Hold& hold = value_.holds.back();
    try {
      hold.take(value_.model, operation);
      hold.take(value_.optimizer, operation);
    } catch (...) {
      end_hold();
      throw;
    }
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("call", static_cast<double>(hold.call));
    result.Set("isShared",
               std::any_of(hold.before.begin(), hold.before.end(), [](const auto& held) { return held.second != 0; }));
    return result;
  });
}

/// release() -> void: the call that has begun last ends.
Napi::Value TrainingStepHandle::release(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    end_hold();
    return info.Env().Undefined();
  });
}

void TrainingStepHandle::end_hold() {
  if (value_.holds.empty()) return;
  const Hold hold = std::move(value_.holds.back());
  value_.holds.pop_back();
  for (auto held = hold.before.rbegin(); held != hold.before.rend(); ++held) {
    if (held->first->holder() == hold.call) held->first->holder() = held->second;
  }
  // What a hook has put in meanwhile stays.
  if (value_.holds.empty()) return;
  value_.holds.back().take(value_.model, "model");
  value_.holds.back().take(value_.optimizer, "optimizer");
}

/// setModel(model: Module) -> void
Napi::Value TrainingStepHandle::set_model(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const auto& model = ModuleHandle::get(info[0]);
    TrainingStep& step = idle();
    if (!value_.holds.empty()) value_.holds.back().take(model, "model");
    step.set_model(model->object);
    value_.model = model;
    return info.Env().Undefined();
  });
}

/// setOptimizer(optimizer: Optimizer) -> void
Napi::Value TrainingStepHandle::set_optimizer(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const auto& optimizer = OptimizerHandle::get(info[0]);
    TrainingStep& step = idle();
    if (!value_.holds.empty()) value_.holds.back().take(optimizer, "optimizer");
    step.set_optimizer(optimizer->object);
    value_.optimizer = optimizer;
    return info.Env().Undefined();
  });
}

/// setCriterion(criterion: object) -> void
Napi::Value TrainingStepHandle::set_criterion(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const std::optional<CrossEntropy> criterion = to_criterion(info[0]);
    if (!criterion) wrong_argument("a criterion");
    idle().set_criterion(*criterion);
    return info.Env().Undefined();
  });
}

/// knowsOptimizer() -> boolean: `updateOptimizer` has been called.
Napi::Value TrainingStepHandle::knows_optimizer(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value { return Napi::Boolean::New(info.Env(), idle().knows_optimizer()); });
}

/// updateOptimizer(resetState: boolean, removeParams: boolean) -> void
Napi::Value TrainingStepHandle::update_optimizer(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    idle().update_optimizer(boolean_argument(info[0], "resetState"), boolean_argument(info[1], "removeParams"));
    return info.Env().Undefined();
  });
}

/// layOut() -> boolean: the flat layout of the parameters that model and optimizer have now; true if it is a new one.
Napi::Value TrainingStepHandle::lay_out(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value { return Napi::Boolean::New(info.Env(), idle().lay_out()); });
}

/// open(apart?: boolean) -> void: begins a pass. One apart leaves mini-batch, output and loss as they were before.
Napi::Value TrainingStepHandle::open(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    value_.step->idle("strategy").open(!is_absent(info[0]) && boolean_argument(info[0], "apart"));
    return info.Env().Undefined();
  });
}

/// passes() -> number of passes that are open.
Napi::Value TrainingStepHandle::passes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::Number::New(info.Env(), static_cast<double>(value_.step->idle("strategy").passes()));
  });
}

/// load(miniBatches: MiniBatches) -> void: what the open pass fetches.
Napi::Value TrainingStepHandle::load(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    value_.step->idle("strategy").load(MiniBatchesHandle::get(info[0]));
    return info.Env().Undefined();
  });
}

/// checkLoss() -> void: throws where the loss is not finite.
Napi::Value TrainingStepHandle::check_loss(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    idle().check_loss();
    return info.Env().Undefined();
  });
}

/// setBatch(x: Inputs, y: Tensor, taskId: Tensor) -> void
Napi::Value TrainingStepHandle::set_batch(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    idle().set_batch(inputs_argument(info[0]), TensorHandle::tensor(info[1]), TensorHandle::tensor(info[2]));
    return info.Env().Undefined();
  });
}

/// close() -> void
Napi::Value TrainingStepHandle::close(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    value_.step->idle("strategy").close();
    return info.Env().Undefined();
  });
}

/// What fails ends the run and stands in the result, beside the iterations that had come to their end. A run that takes
/// a few microseconds is no job. For one that takes no longer than `patienceUs` this thread waits, and no promise is
/// made. run(plan: (number | PluginPhase)[], gradEnabled: boolean, maxIterations: number, budgetMs: number, patienceUs:
/// number) -> Progress | Promise<Progress>
Napi::Value TrainingStepHandle::run(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const bool grad = boolean_argument(info[1], "gradEnabled");
    const int64_t max_iterations = integer_argument(info[2], "maxIterations");
    const std::chrono::milliseconds budget(integer_argument(info[3], "budgetMs"));
    const std::chrono::microseconds patience(integer_argument(info[4], "patienceUs"));
    Used used;
    auto plan = array_argument(info[0], "plan", [&](const Napi::Value& phase) {
      PlannedPhase planned = to_phase(phase);
      if (planned.plugin) used.push_back(PluginPhaseHandle::get(phase).owner);
      return planned;
    });
    if (idle().is_light(plan, max_iterations)) {
      static const std::atomic<bool> never{false};
      return to_object(info.Env(), idle().run(plan, grad, max_iterations, budget, never));
    }
    return submit(
        info.Env(), std::move(used),
        [plan = std::move(plan), grad, max_iterations, budget](TrainingStep& step, const std::atomic<bool>& stopping) {
          return step.run(plan, grad, max_iterations, budget, stopping);
        },
        patience);
  });
}

/// clear() -> void: forgets mini-batch, output and loss.
Napi::Value TrainingStepHandle::clear(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    value_.step->idle("strategy").clear();
    Environment::of(info.Env()).computing().submit([] { keep_large_blocks(false); });
    return info.Env().Undefined();
  });
}

/// get(name: 'x' | 'y' | 'taskId' | 'output' | 'loss' | 'addedPenalty' | 'apartPenalty') -> Tensor | null; of x Inputs
Napi::Value TrainingStepHandle::get(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    TrainingStep& step = idle();
    const std::string name = string_argument(info[0], "name");
    if (name == "x") return to_javascript(info.Env(), step.batch.x);
    if (name == "y") return TensorHandle::wrap(info.Env(), step.batch.y);
    if (name == "taskId") return TensorHandle::wrap(info.Env(), step.batch.task_id);
    if (name == "output") return TensorHandle::wrap(info.Env(), step.output);
    if (name == "loss") return TensorHandle::wrap(info.Env(), step.loss);
    if (name == "addedPenalty") return TensorHandle::wrap(info.Env(), step.penalties.added);
    if (name == "apartPenalty") return TensorHandle::wrap(info.Env(), step.penalties.apart);
    wrong_argument("x, y, taskId, output, loss, addedPenalty or apartPenalty");
  });
}

/// set(name: 'x' | 'y' | 'output' | 'loss', tensor: Tensor) -> void; of x Inputs
Napi::Value TrainingStepHandle::set(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    TrainingStep& step = idle();
    const std::string name = string_argument(info[0], "name");
    if (name == "x") {
      step.batch.x = inputs_argument(info[1]);
      return info.Env().Undefined();
    }
    const at::Tensor& tensor = TensorHandle::tensor(info[1]);
    if (name == "y") step.batch.set_target(tensor);
    else if (name == "output") step.output = tensor;
    else if (name == "loss") step.loss = tensor;
    else wrong_argument("x, y, output or loss");
    return info.Env().Undefined();
  });
}

/// statistics() -> { lossSum, addedPenaltySum, apartPenaltySum, samples, correct, compared } of the open pass.
Napi::Value TrainingStepHandle::statistics(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const RunningStatistics statistics = idle().statistics();
    Napi::Object object = Napi::Object::New(info.Env());
    object.Set("lossSum", statistics.loss_sum);
    object.Set("addedPenaltySum", statistics.added_penalty_sum);
    object.Set("apartPenaltySum", statistics.apart_penalty_sum);
    object.Set("samples", static_cast<double>(statistics.samples));
    object.Set("correct", static_cast<double>(statistics.correct));
    object.Set("compared", static_cast<double>(statistics.compared));
    return object;
  });
}

/// setStatistics(statistics) -> void: the open pass goes on from these, in the form that `statistics` gives.
Napi::Value TrainingStepHandle::set_statistics(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    if (!info[0].IsObject()) wrong_argument("statistics to be an object");
    const auto object = info[0].As<Napi::Object>();
    const auto count = [&](const char* name) { return integer_argument(object.Get(name), name); };
    const auto sum = [&](const char* name) { return number_argument(object.Get(name), name); };
    idle().set_statistics({.loss_sum = sum("lossSum"),
                           .added_penalty_sum = sum("addedPenaltySum"),
                           .apart_penalty_sum = sum("apartPenaltySum"),
                           .samples = count("samples"),
                           .correct = count("correct"),
                           .compared = count("compared")});
    return info.Env().Undefined();
  });
}

/// pack(tensors: [Tensor, offset: number][], size: number, bytes: Tensor | null) -> Promise<Tensor>: all of them at
/// their places, as they are between two iterations; model and optimizer are occupied meanwhile.
Napi::Value TrainingStepHandle::pack(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    idle();
    const int64_t size = integer_argument(info[1], "size");
    auto tensors = array_argument(info[0], "tensors", [size](const Napi::Value& value) {
      if (!value.IsArray()) wrong_argument("a tensor with its place");
      const auto entry = value.As<Napi::Array>();
      PlacedTensor placed{TensorHandle::tensor(entry.Get(0u)), integer_argument(entry.Get(1u), "offset")};
      const auto length = static_cast<int64_t>(placed.tensor.nbytes());
      if (placed.offset < 0 || length > size - placed.offset || placed.offset % placed.tensor.itemsize() != 0) {
        wrong_argument("a place for a tensor within the bytes");
      }
      return placed;
    });
    at::Tensor bytes = is_absent(info[2]) ? at::Tensor() : TensorHandle::tensor(info[2]);
    if (bytes.defined() && (bytes.scalar_type() != at::kByte || !bytes.device().is_cpu() || !bytes.is_contiguous())) {
      wrong_argument("bytes on the CPU");
    }
    return run_on_compute_thread(
        info.Env(), {value_.step, value_.model, value_.optimizer},
        [tensors = std::move(tensors), size, bytes = std::move(bytes)]() mutable {
          return continual::pack(tensors, size, std::move(bytes));
        },
        [](Napi::Env env, at::Tensor packed) { return TensorHandle::wrap(env, std::move(packed)); });
  });
}

}  // namespace continual::binding
