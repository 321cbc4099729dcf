// Random numbers that must equal PyTorch's and NumPy's.
#pragma once

#include "binding/util/napi_setup.h"

namespace continual::binding {

void define_random(Napi::Env env, Napi::Object exports);

}  // namespace continual::binding
