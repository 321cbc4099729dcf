// The list of what the addon exports.
#include "binding/environment.h"
#include "binding/functions/autocast.h"
#include "binding/functions/autograd.h"
#include "binding/functions/device.h"
#include "binding/functions/indexing.h"
#include "binding/functions/operator_schemas.h"
#include "binding/functions/operators.h"
#include "binding/functions/random.h"
#include "binding/functions/threads.h"
#include "binding/functions/weights.h"
#include "binding/objects/dataset.h"
#include "binding/objects/distillation.h"
#include "binding/objects/generator.h"
#include "binding/objects/importance_pass.h"
#include "binding/objects/minibatches.h"
#include "binding/objects/module_creation.h"
#include "binding/objects/optimizer.h"
#include "binding/objects/path_method.h"
#include "binding/objects/plugin_phase.h"
#include "binding/objects/quadratic_penalty.h"
#include "binding/objects/snapshot.h"
#include "binding/objects/tensor.h"
#include "binding/objects/training_step.h"
#include "binding/util/arguments.h"
#include "binding/util/errors.h"
#include "core/compute/vector_instructions.h"
#include "core/overrides/overrides.h"
#if defined(CONTINUAL_TORCH_STANDIN)
#include "test/standin/binding.h"
#endif

namespace continual::binding {
namespace {

/// Native: setErrorClass(constructor: new (code: string, message: string) => Error) -> void. Called once, first.
Napi::Value set_error_class(const Napi::CallbackInfo& info) {
  if (!info[0].IsFunction()) throw Napi::TypeError::New(info.Env(), "setErrorClass: expected a class");
  Environment::of(info.Env()).error_class = Napi::Persistent(info[0].As<Napi::Function>());
  return info.Env().Undefined();
}

/// Native: stop() -> void: ends the threads of jobs, because the process is exiting.
Napi::Value stop(const Napi::CallbackInfo& info) {
  Environment::of(info.Env()).stop();
  return info.Env().Undefined();
}

/// Native: liveTensors() -> { count: number, bytes: number }
Napi::Value live_tensors(const Napi::CallbackInfo& info) {
  LiveTensors& live = *Environment::of(info.Env()).live_tensors;
  live.sweep(info.Env());
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("count", static_cast<double>(live.count()));
  object.Set("bytes", static_cast<double>(live.count_bytes()));
  return object;
}

/// Native: overrides() -> { name: string, isOn: boolean, why: string }[]
Napi::Value list_overrides(const Napi::CallbackInfo& info) {
  Napi::Array result = Napi::Array::New(info.Env());
  for (const Override& each : overrides()) {
    Napi::Object object = Napi::Object::New(info.Env());
    object.Set("name", each.name);
    object.Set("isOn", each.is_on);
    object.Set("why", each.why);
    result.Set(result.Length(), object);
  }
  return result;
}

Napi::Object start(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Environment(env));
  exports.Set("setErrorClass", Napi::Function::New(env, set_error_class, "setErrorClass"));
  exports.Set("stop", Napi::Function::New(env, stop, "stop"));
  exports.Set("liveTensors", Napi::Function::New(env, live_tensors, "liveTensors"));
  exports.Set("overrides", Napi::Function::New(env, list_overrides, "overrides"));
  exports.Set("vectorWidth", vector_width());
  exports.Set("torchVersion", TORCH_VERSION);
  TensorHandle::define(env, exports);
  ModuleHandle::define(env);
  define_module_creation(env, exports);
  OptimizerHandle::define(env, exports);
  DatasetHandle::define(env, exports);
  MiniBatchesHandle::define(env, exports);
  PluginPhaseHandle::define(env, exports);
  QuadraticPenaltyHandle::define(env, exports);
  define_importance_pass(env, exports);
  define_path_methods(env, exports);
  define_distillation(env, exports);
  SnapshotHandle::define(env, exports);
  TrainingStepHandle::define(env, exports);
  define_autograd(env, exports);
  define_indexing(env, exports);
  GeneratorHandle::define(env, exports);
  define_operators(env, exports);
  define_operator_schemas(env, exports);
  define_devices(env, exports);
  define_random(env, exports);
  define_threads(env, exports);
  define_autocast(env, exports);
  define_weights(env, exports);
#if defined(CONTINUAL_TORCH_STANDIN)
  standin::define(env, exports);
#endif
  return exports;
}

}  // namespace
}  // namespace continual::binding

static Napi::Object initialise(Napi::Env env, Napi::Object exports) { return continual::binding::start(env, exports); }
NODE_API_MODULE(continual_torch, initialise)
