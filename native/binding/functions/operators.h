#pragma once

#include "binding/util/napi_setup.h"

namespace continual::binding {

void define_operators(Napi::Env env, Napi::Object exports);

}  // namespace continual::binding
