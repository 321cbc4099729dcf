#include "binding/functions/device.h"

#include "binding/environment.h"
#include "binding/util/arguments.h"
#include "binding/util/errors.h"

namespace continual::binding {
namespace {

/// libtorch counts a device also where its build holds no code for it, or where others have it: one kernel tells.
const UsableDevices& usable_cuda_devices() {
  static const UsableDevices devices = []() -> UsableDevices {
    const auto count = static_cast<int64_t>(torch::cuda::device_count());
    if (count == 0) return {0, "libtorch finds no CUDA device"};
    try {
      if (at::ones({1}, at::Device(at::kCUDA)).add_(1).item<float>() == 2.0F) return {count, ""};
      return {0, "a kernel computes wrong results"};
    } catch (const std::exception& error) {
      const std::string message = error.what();
      return {0, "a kernel fails: " + message.substr(0, message.find('\n'))};
    }
  }();
  return devices;
}

std::vector<DeviceKind>& device_kinds() {
  static std::vector<DeviceKind> kinds{{"cuda", usable_cuda_devices}};
  return kinds;
}

const DeviceKind* kind_of(const std::string& name) {
  for (const DeviceKind& kind : device_kinds()) {
    if (name.substr(0, name.find(':')) == kind.name) return &kind;
  }
  return nullptr;
}

std::optional<at::Device> parsed(const std::string& name) {
  try {
    return at::Device(name);
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

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

/// Native: cudaDeviceCount() -> number
Napi::Value cuda_device_count(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value { return Napi::Number::New(info.Env(), static_cast<double>(usable_cuda_devices().count)); });
}

/// Native: cudaProblem() -> string: why no device can be used, or "".
Napi::Value cuda_problem(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value { return Napi::String::New(info.Env(), usable_cuda_devices().problem); });
}

}  // namespace

void add_device_kind(DeviceKind kind) { device_kinds().push_back(std::move(kind)); }

bool names_device_kind(const std::string& name) { return kind_of(name) != nullptr; }

at::Device device_named(const std::string& name) {
  const DeviceKind* kind = kind_of(name);
  const UsableDevices none;
  const auto& [count, problem] = kind == nullptr ? none : kind->usable();
  const std::optional<at::Device> device = parsed(name);
  if (!device || (kind == nullptr && (!device->is_cpu() || device->index() > 0))) {
    throw Error("ERR_DEVICE", "device: expected \"cpu\", \"cuda\" or \"cuda:N\", got \"" + name + "\"");
  }
  if (kind == nullptr) return at::Device(at::kCPU);
  if (count == 0) {
    throw Error("ERR_DEVICE", "device: expected a device that is there, got \"" + name +
                                  "\": " + problem + "; `npx continual-torch doctor` explains it");
  }
  const int64_t index = device->has_index() ? device->index() : 0;
  if (index >= count) {
    throw Error("ERR_DEVICE", "device: expected one of " + std::to_string(count) + " devices (" + kind->name + ":0 to " + kind->name + ":" +
                                  std::to_string(count - 1) + "), got \"" + name + "\"");
  }
  return {device->type(), static_cast<c10::DeviceIndex>(index)};
}

void define_devices(Napi::Env env, Napi::Object exports) {
  exports.Set("checkDevice", Napi::Function::New(env, check_device, "checkDevice"));
  exports.Set("setDefaultDevice", Napi::Function::New(env, set_default_device, "setDefaultDevice"));
  exports.Set("cudaDeviceCount", Napi::Function::New(env, cuda_device_count, "cudaDeviceCount"));
  exports.Set("cudaProblem", Napi::Function::New(env, cuda_problem, "cudaProblem"));
}

}  // namespace continual::binding
