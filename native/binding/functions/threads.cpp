#include "binding/functions/threads.h"

#include "binding/environment.h"
#include "binding/util/arguments.h"
#include "binding/util/errors.h"
#include "core/compute/threads.h"

namespace continual::binding {
namespace {

/// Native: setNumThreads(threads: number) -> void
Napi::Value set_num_threads(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    Environment::of(info.Env()).team.set_threads(static_cast<int>(integer_argument(info[0], "threads")));
    return info.Env().Undefined();
  });
}

/// Native: getNumThreads() -> number
Napi::Value get_num_threads(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), Environment::of(info.Env()).team.threads());
}

/// Native: setNumInteropThreads(threads: number) -> void
Napi::Value set_num_interop_threads(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    set_interop_threads(static_cast<int>(integer_argument(info[0], "threads")));
    return info.Env().Undefined();
  });
}

/// Native: getNumInteropThreads() -> number
Napi::Value get_num_interop_threads(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value { return Napi::Number::New(info.Env(), interop_threads()); });
}

}  // namespace

void define_threads(Napi::Env env, Napi::Object exports) {
  exports.Set("setNumThreads", Napi::Function::New(env, set_num_threads, "setNumThreads"));
  exports.Set("getNumThreads", Napi::Function::New(env, get_num_threads, "getNumThreads"));
  exports.Set("setNumInteropThreads", Napi::Function::New(env, set_num_interop_threads, "setNumInteropThreads"));
  exports.Set("getNumInteropThreads", Napi::Function::New(env, get_num_interop_threads, "getNumInteropThreads"));
}

}  // namespace continual::binding
