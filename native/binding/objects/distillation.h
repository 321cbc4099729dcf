// What holds a model to its teacher.
#pragma once

#include "binding/util/napi_setup.h"

namespace continual::binding {

void define_distillation(Napi::Env env, Napi::Object exports);

}  // namespace continual::binding
