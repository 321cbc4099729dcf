#include "binding/device.h"

#include "binding/arguments.h"
#include "binding/environment.h"
#include "binding/errors.h"

namespace continual::binding {
namespace {

/// Native: checkDevice(name: string) -> void. Throws ERR_DEVICE.
Napi::Value check_device(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    device_named(string_argument(info[0], "device"));
    return info.Env().Undefined();
  });
}

/// Native: setDefaultDevice(name: string) -> string: the device by its full name.
Napi::Value set_default_device(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const at::Device device = device_named(string_argument(info[0], "device"));
    Environment::of(info.Env()).default_device = device.is_cpu() ? std::nullopt : std::optional(device);
    return Napi::String::New(info.Env(), device.str());
  });
}

Napi::Value cuda_device_count(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const bool available = torch::cuda::is_available();
    return Napi::Number::New(info.Env(), available ? static_cast<double>(torch::cuda::device_count()) : 0);
  });
}

}  // namespace

at::Device device_named(const std::string& name) {
  std::optional<at::Device> device;
  try {
    device.emplace(name);
  } catch (const std::exception&) {
  }
  if (!device || !(device->is_cpu() || device->is_cuda()) || (device->is_cpu() && device->index() > 0)) {
    throw Error("ERR_DEVICE", "device: expected \"cpu\", \"cuda\" or \"cuda:N\", got \"" + name + "\"");
  }
  if (!device->is_cuda()) return at::Device(at::kCPU);
  const int64_t count = torch::cuda::is_available() ? static_cast<int64_t>(torch::cuda::device_count()) : 0;
  if (count == 0) {
    throw Error("ERR_DEVICE", "device: expected a device that is there, got \"" + name +
                                  "\": " + (at::hasCUDA() ? "no CUDA device was found" : "this libtorch has no CUDA") +
                                  "; `npm run doctor` shows which libtorch is used");
  }
  const int64_t index = device->has_index() ? device->index() : 0;
  if (index >= count) {
    throw Error("ERR_DEVICE", "device: expected one of " + std::to_string(count) + " CUDA devices (cuda:0 to cuda:" +
                                  std::to_string(count - 1) + "), got \"" + name + "\"");
  }
  return at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(index));
}

void define_devices(Napi::Env env, Napi::Object exports) {
  exports.Set("checkDevice", Napi::Function::New(env, check_device, "checkDevice"));
  exports.Set("setDefaultDevice", Napi::Function::New(env, set_default_device, "setDefaultDevice"));
  exports.Set("cudaDeviceCount", Napi::Function::New(env, cuda_device_count, "cudaDeviceCount"));
}

}  // namespace continual::binding
