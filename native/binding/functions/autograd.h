// Gradients from JavaScript: backward, grad, and whether operators are recorded for them.
#pragma once

#include "binding/util/napi_setup.h"

namespace continual::binding {

void define_autograd(Napi::Env env, Napi::Object exports);

}  // namespace continual::binding
