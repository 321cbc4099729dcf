#include "test/standin/binding.h"

#include <mutex>

#include "binding/functions/device.h"
#include "binding/objects/tensor.h"
#include "binding/util/errors.h"
#include "test/standin/device.h"

namespace continual::standin {
namespace {

const binding::UsableDevices& usable() {
  static const binding::UsableDevices one{.count = 1, .problem = ""};
  install();
  return one;
}

/// Native: standinReads() -> number: how often the host has waited for a value of the device's so far.
Napi::Value count_reads(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(host_reads()));
}

/// Native: standinTouch(tensor: Tensor) -> number: its first byte as the host reads it, which ends the process where it
/// lies on the device.
Napi::Value touch(const Napi::CallbackInfo& info) {
  return binding::guarded(info.Env(), [&]() -> Napi::Value {
    const auto* first = static_cast<const volatile uint8_t*>(binding::TensorHandle::tensor(info[0]).const_data_ptr());
    return Napi::Number::New(info.Env(), *first);
  });
}

}  // namespace

void define(Napi::Env env, Napi::Object exports) {
  static std::once_flag once;  // Workers load the addon again.
  std::call_once(once, [] { binding::add_device_kind({.name = "standin", .usable = usable}); });
  exports.Set("standinReads", Napi::Function::New(env, count_reads, "standinReads"));
  exports.Set("standinTouch", Napi::Function::New(env, touch, "standinTouch"));
}

}  // namespace continual::standin
