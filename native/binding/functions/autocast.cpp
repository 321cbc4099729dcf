#include "binding/functions/autocast.h"

#include <ATen/autocast_mode.h>

#include "binding/util/arguments.h"
#include "binding/util/dtypes.h"
#include "binding/util/errors.h"
#include "core/torch.h"

namespace continual::binding {
namespace {

at::DeviceType device_type_argument(const Napi::Value& value) {
  const std::string name = string_argument(value, "deviceType");
  if (name != "cpu" && name != "cuda") wrong_argument("deviceType to be \"cpu\" or \"cuda\"");
  return name == "cpu" ? at::kCPU : at::kCUDA;
}

Napi::Object autocast_state(Napi::Env env, at::DeviceType type) {
  Napi::Object state = Napi::Object::New(env);
  state.Set("enabled", at::autocast::is_autocast_enabled(type));
  state.Set("dtype", std::string(dtype_of(at::autocast::get_autocast_dtype(type)).name));
  state.Set("cacheEnabled", at::autocast::is_autocast_cache_enabled());
  return state;
}

void set_autocast(at::DeviceType type, const Napi::Value& value) {
  if (!value.IsObject()) wrong_argument("a state of autocast");
  const auto state = value.As<Napi::Object>();
  const bool enabled = boolean_argument(state.Get("enabled"), "enabled");
  const at::ScalarType dtype = dtype_named(string_argument(state.Get("dtype"), "dtype")).type;
  const bool cache_enabled = boolean_argument(state.Get("cacheEnabled"), "cacheEnabled");
  at::autocast::set_autocast_enabled(type, enabled);
  at::autocast::set_autocast_dtype(type, dtype);
  at::autocast::set_autocast_cache_enabled(cache_enabled);
}

/// Native: autocastState(deviceType: string) -> { enabled: boolean, dtype: string, cacheEnabled: boolean }
Napi::Value get_autocast(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value { return autocast_state(env, device_type_argument(info[0])); });
}

/// Native: enterAutocast(deviceType: string, state: object) -> void
Napi::Value enter_autocast(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    set_autocast(device_type_argument(info[0]), info[1]);
    at::autocast::increment_nesting();
    return info.Env().Undefined();
  });
}

/// Native: leaveAutocast(deviceType: string, before: object) -> void. The outermost lets go of the casts it has kept.
Napi::Value leave_autocast(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    set_autocast(device_type_argument(info[0]), info[1]);
    return info.Env().Undefined();
  });
}

}  // namespace

void define_autocast(Napi::Env env, Napi::Object exports) {
  exports.Set("autocastState", Napi::Function::New(env, get_autocast, "autocastState"));
  exports.Set("enterAutocast", Napi::Function::New(env, enter_autocast, "enterAutocast"));
  exports.Set("leaveAutocast", Napi::Function::New(env, leave_autocast, "leaveAutocast"));
}

}  // namespace continual::binding
