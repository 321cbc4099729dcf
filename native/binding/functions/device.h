// Device names from JavaScript.
#pragma once

#include <string>

#include "binding/util/napi_setup.h"
#include "core/torch.h"

namespace continual::binding {

struct UsableDevices {
  int64_t count = 0;
  std::string problem;  // why there are none
};

/// A kind of device beside the CPU, "cuda" for example. `usable` makes libtorch know it, and may take long the first time.
struct DeviceKind {
  std::string name;
  const UsableDevices& (*usable)();
};

void add_device_kind(DeviceKind kind);

/// Whether a name is one of a device that is not the CPU, there or not.
bool names_device_kind(const std::string& name);

/// Throws ERR_DEVICE for a name that is no device, and for one that is not there.
at::Device device_named(const std::string& name);

void define_devices(Napi::Env env, Napi::Object exports);

}  // namespace continual::binding
