// Device names from JavaScript.
#pragma once

#include <string>

#include "binding/napi_setup.h"
#include "core/torch.h"

namespace continual::binding {

/// Throws ERR_DEVICE for a name that is no device, and for CUDA where there is none or not that many.
at::Device device_named(const std::string& name);

void define_devices(Napi::Env env, Napi::Object exports);

}  // namespace continual::binding
