// Weights from and to files: bytes, storages, tensors.
#pragma once

#include "binding/util/napi_setup.h"

namespace continual::binding {

void define_weights(Napi::Env env, Napi::Object exports);

}  // namespace continual::binding
