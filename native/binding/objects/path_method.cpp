// The methods that measure along the way of training, as JavaScript has them.
#include "binding/objects/path_method.h"

#include "binding/objects/plugin_phase.h"
#include "binding/objects/quadratic_penalty.h"
#include "binding/objects/tensor.h"
#include "core/regularization/function_phase.h"
#include "core/regularization/riemannian_walk.h"
#include "core/regularization/synaptic_intelligence.h"

namespace continual::binding {
namespace {

using Penalty = std::shared_ptr<Shared<QuadraticPenalty>>;

template <typename Method>
using Hook = void (Method::*)(const Iteration&);

template <typename Method>
Napi::Object phase(Napi::Env env, const std::shared_ptr<Method>& method, const Penalty& penalty, Hook<Method> hook,
                   const char* name, bool looks_anew = false) {
  const auto run = [method, hook](const Iteration& iteration) { (method.get()->*hook)(iteration); };
  const std::string where = penalty->object->names().plugin + '.' + name;
  return PluginPhaseHandle::wrap(env, {std::make_shared<FunctionPhase>(where, run, looks_anew), penalty});
}

/// state() -> Record<string, [name: string, values: Tensor][]>: what it remembers, the memory itself.
Napi::Value state(Napi::Env env, const std::shared_ptr<PathMethod>& method) {
  Napi::Object state = Napi::Object::New(env);
  for (const auto& [key, memory] : method->memories()) {
    Napi::Array entries = Napi::Array::New(env);
    for (const auto& [name, values] : memory->entries()) {
      Napi::Array entry = Napi::Array::New(env, 2);
      entry.Set(0u, Napi::String::New(env, name));
      entry.Set(1u, TensorHandle::wrap(env, values));
      entries.Set(entries.Length(), entry);
    }
    state.Set(key, entries);
  }
  return state;
}

std::vector<ParameterMemory::Entry> to_entries(const Napi::Value& value, const char* name) {
  return array_argument(value, name, [](const Napi::Value& item) {
    if (!item.IsArray()) wrong_argument("[name, tensor]");
    const auto entry = item.As<Napi::Array>();
    return ParameterMemory::Entry{string_argument(entry.Get(0u), "a name"), TensorHandle::tensor(entry.Get(1u))};
  });
}

/// setState(state) -> void: copies of these.
void set_state(const std::shared_ptr<PathMethod>& method, const Napi::Value& value) {
  if (!value.IsObject()) wrong_argument("state to be an object");
  std::vector<std::vector<ParameterMemory::Entry>> given;
  for (const auto& [key, memory] : method->memories()) {
    given.push_back(to_entries(value.As<Napi::Object>().Get(key), key.c_str()));
    for (ParameterMemory::Entry& entry : given.back()) entry.values = entry.values.detach().clone();
  }
  const PathMethod::Memories memories = method->memories();
  for (size_t i = 0; i < memories.size(); ++i) memories[i].second->set(std::move(given[i]));
}

/// What all of them have: { begin, before, after, end: PluginPhase, exclude(names: string[]), settle(), takeBack(), state(),
/// setState(state) }
template <typename Method>
Napi::Object to_object(Napi::Env env, const std::shared_ptr<Method>& method, const Penalty& penalty) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("begin", phase<Method>(env, method, penalty, &Method::begin, "beforeTrainingExp", true));
  object.Set("before", phase<Method>(env, method, penalty, &Method::before, "beforeTrainingIteration"));
  object.Set("after", phase<Method>(env, method, penalty, &Method::after, "afterTrainingIteration"));
  object.Set("end", phase<Method>(env, method, penalty, &Method::end, "afterTrainingExp", true));
  const auto give = [&](const char* name, auto call) {
    const auto function = [method, penalty, call](const Napi::CallbackInfo& info) -> Napi::Value {
      return guarded(info.Env(), [&]() -> Napi::Value {
        penalty->idle(penalty->object->names().plugin.c_str());
        return call(method, info);
      });
    };
    object.Set(name, Napi::Function::New(env, function, name));
  };
  using Info = const Napi::CallbackInfo&;
  give("exclude", [](const std::shared_ptr<Method>& of, Info info) -> Napi::Value {
    of->exclude(array_argument(info[0], "names", [](const Napi::Value& name) { return string_argument(name, "a name"); }));
    return info.Env().Undefined();
  });
  give("settle", [](const std::shared_ptr<Method>& of, Info info) -> Napi::Value {
    of->settle();
    return info.Env().Undefined();
  });
  give("takeBack", [](const std::shared_ptr<Method>& of, Info info) -> Napi::Value {
    of->take_back();
    return info.Env().Undefined();
  });
  give("state", [](const std::shared_ptr<Method>& of, Info info) { return state(info.Env(), of); });
  give("setState", [](const std::shared_ptr<Method>& of, Info info) -> Napi::Value {
    set_state(of, info[0]);
    return info.Env().Undefined();
  });
  return object;
}

/// Native: createSynapticIntelligence(penalty: QuadraticPenalty, eps: number, clip: number | null, withoutPenalty: boolean,
/// keepsNegative: boolean)
Napi::Value create_synaptic_intelligence(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Penalty& penalty = QuadraticPenaltyHandle::get(info[0]);
    SynapticIntelligence::Options options;
    options.eps = number_argument(info[1], "eps");
    options.clip = info[2].IsNull() ? std::nullopt : std::optional(number_argument(info[2], "clip"));
    options.without_penalty = boolean_argument(info[3], "withoutPenalty");
    options.keeps_negative = boolean_argument(info[4], "keepsNegative");
    return to_object(info.Env(), std::make_shared<SynapticIntelligence>(penalty->object, options), penalty);
  });
}

/// Native: createRiemannianWalk(penalty: QuadraticPenalty, alpha: number) -> the same with
/// { score: PluginPhase, startAnew(parameters: [name: string, parameter: Tensor][]) }
Napi::Value create_riemannian_walk(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const Penalty& penalty = QuadraticPenaltyHandle::get(info[0]);
    const auto walk = std::make_shared<RiemannianWalk>(penalty->object, number_argument(info[1], "alpha"));
    Napi::Object object = to_object(env, walk, penalty);
    object.Set("score", phase<RiemannianWalk>(env, walk, penalty, &RiemannianWalk::score, "afterTrainingIteration"));
    const auto start_anew = [walk, penalty](const Napi::CallbackInfo& call) -> Napi::Value {
      return guarded(call.Env(), [&]() -> Napi::Value {
        penalty->idle("RWalkPlugin.beforeTraining");
        const std::vector<ParameterMemory::Entry> given = to_entries(call[0], "parameters");
        NamedTensors parameters;
        for (const auto& [name, values] : given) parameters.emplace_back(name, values);
        walk->start_anew(parameters);
        return call.Env().Undefined();
      });
    };
    object.Set("startAnew", Napi::Function::New(env, start_anew, "startAnew"));
    return object;
  });
}

}  // namespace

void define_path_methods(Napi::Env env, Napi::Object exports) {
  exports.Set("createSynapticIntelligence",
              Napi::Function::New(env, create_synaptic_intelligence, "createSynapticIntelligence"));
  exports.Set("createRiemannianWalk", Napi::Function::New(env, create_riemannian_walk, "createRiemannianWalk"));
}

}  // namespace continual::binding
