// The JavaScript handle of a quadratic penalty and of the passes that measure its importances.
#include "binding/objects/quadratic_penalty.h"

#include "binding/objects/plugin_phase.h"
#include "binding/objects/tensor.h"
#include "core/regularization/function_phase.h"
#include "core/regularization/penalty_advice.h"
#include "core/regularization/proximal_penalty.h"

namespace continual::binding {
namespace {

/// Native: createQuadraticPenalty(lambda: number, names: { method, plugin, weight, noImportanceCode,
/// shapeCode: string }) -> QuadraticPenalty
Napi::Value create_quadratic_penalty(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const double lambda = number_argument(info[0], "lambda");
    if (!info[1].IsObject()) wrong_argument("names to be an object");
    const auto given = info[1].As<Napi::Object>();
    const auto name = [&](const char* of) { return string_argument(given.Get(of), of); };
    const MethodNames names{name("method"), name("plugin"), name("weight"), name("noImportanceCode"),
                            name("shapeCode")};
    return QuadraticPenaltyHandle::make(
        Environment::of(env).quadratic_penalty_class,
        std::make_shared<Shared<QuadraticPenalty>>(std::make_shared<QuadraticPenalty>(names, lambda)));
  });
}

}  // namespace

void QuadraticPenaltyHandle::define(Napi::Env env, Napi::Object exports) {
  using Self = QuadraticPenaltyHandle;
  const Napi::Function constructor =
      DefineClass(env, kName,
                  {InstanceMethod<&Self::phase>("phase"), InstanceMethod<&Self::proximal>("proximal"),
                   InstanceMethod<&Self::value>("value"), InstanceMethod<&Self::stability_check>("stabilityCheck"),
                   InstanceMethod<&Self::stability>("stability"), InstanceMethod<&Self::is_empty>("isEmpty"),
                   InstanceMethod<&Self::memory>("memory"), InstanceMethod<&Self::set_memory>("setMemory"),
                   InstanceMethod<&Self::set_lambda>("setLambda"), InstanceMethod<&Self::uniform>("uniform"),
                   InstanceMethod<&Self::keep_previous>("keepPrevious"), InstanceMethod<&Self::take_back>("takeBack")});
  Environment::of(env).quadratic_penalty_class = Napi::Persistent(constructor);
  exports.Set("createQuadraticPenalty", Napi::Function::New(env, create_quadratic_penalty, "createQuadraticPenalty"));
}

/// phase() -> PluginPhase: adds the penalty to the loss.
Napi::Value QuadraticPenaltyHandle::phase(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return PluginPhaseHandle::wrap(info.Env(), {value_->object, value_});
  });
}

/// proximal() -> PluginPhase: moves what the optimizer has updated towards its anchors.
Napi::Value QuadraticPenaltyHandle::proximal(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return PluginPhaseHandle::wrap(info.Env(), {proximal_phase(value_->object), value_});
  });
}

/// value() -> PluginPhase: computes the penalty for metrics, apart from the loss.
Napi::Value QuadraticPenaltyHandle::value(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return PluginPhaseHandle::wrap(info.Env(), {penalty_value_phase(value_->object), value_});
  });
}

/// stabilityCheck() -> PluginPhase: what `stability` then says.
Napi::Value QuadraticPenaltyHandle::stability_check(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return PluginPhaseHandle::wrap(info.Env(), {stability_phase(value_->object), value_});
  });
}

/// stability() -> { lr, largestImportance, bound, largestLambda: number } | null, as the latest check has found it.
Napi::Value QuadraticPenaltyHandle::stability(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const std::optional<PenaltyStability>& found = value_->idle("stability").stability();
    if (!found) return env.Null();
    Napi::Object stability = Napi::Object::New(env);
    stability.Set("lr", found->lr);
    stability.Set("largestImportance", found->largest_importance);
    stability.Set("bound", found->bound);
    stability.Set("largestLambda", found->largest_lambda);
    return stability;
  });
}

/// isEmpty() -> boolean: nothing has been set or measured.
Napi::Value QuadraticPenaltyHandle::is_empty(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::Boolean::New(info.Env(), !value_->idle("importance").has_memory());
  });
}

/// memory() -> [name: string, importance: Tensor, anchor: Tensor, offset: number][]; the tensors are views of the memory itself.
Napi::Value QuadraticPenaltyHandle::memory(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const auto memory = value_->idle("importance").memory();
    Napi::Array result = Napi::Array::New(env, memory.size());
    for (uint32_t i = 0; i < memory.size(); ++i) {
      Napi::Array entry = Napi::Array::New(env, 4);
      entry.Set(0u, Napi::String::New(env, memory[i].name));
      entry.Set(1u, TensorHandle::wrap(env, memory[i].importance));
      entry.Set(2u, TensorHandle::wrap(env, memory[i].anchor));
      entry.Set(3u, memory[i].offset);
      result.Set(i, entry);
    }
    return result;
  });
}

/// setMemory(memory: [name: string, importance: Tensor, anchor: Tensor, offset: number][]) -> void: copies of these.
Napi::Value QuadraticPenaltyHandle::set_memory(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    value_->idle("importance").set_memory(array_argument(info[0], "memory", [](const Napi::Value& given) {
      if (!given.IsArray()) wrong_argument("[name, importance, anchor, offset]");
      const auto entry = given.As<Napi::Array>();
      return QuadraticPenalty::Entry{string_argument(entry.Get(0u), "a name"), TensorHandle::tensor(entry.Get(1u)),
                                     TensorHandle::tensor(entry.Get(2u)), number_argument(entry.Get(3u), "offset")};
    }));
    return env.Undefined();
  });
}

/// setLambda(lambda: number) -> void
Napi::Value QuadraticPenaltyHandle::set_lambda(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    value_->idle("lambda").set_lambda(number_argument(info[0], "lambda"));
    return env.Undefined();
  });
}

/// uniform(hook: string) -> PluginPhase: all parameters matter alike, and are held where they are.
Napi::Value QuadraticPenaltyHandle::uniform(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const auto hold = [penalty = value_->object](const Iteration& iteration) { penalty->hold_all(iteration.parameters); };
    const std::string name = value_->object->names().plugin + '.' + string_argument(info[0], "hook");
    return PluginPhaseHandle::wrap(env, {std::make_shared<FunctionPhase>(name, hold, /*looks_anew=*/true), value_});
  });
}

/// keepPrevious(keep: boolean) -> void
Napi::Value QuadraticPenaltyHandle::keep_previous(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    value_->idle("importance").keep_previous(boolean_argument(info[0], "keep"));
    return env.Undefined();
  });
}

/// takeBack() -> void: what was remembered before the latest experience is what is remembered.
Napi::Value QuadraticPenaltyHandle::take_back(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    value_->idle("importance").take_back();
    return env.Undefined();
  });
}

}  // namespace continual::binding
