// How many threads libtorch computes with.
#pragma once

#include "binding/util/napi_setup.h"

namespace continual::binding {

void define_threads(Napi::Env env, Napi::Object exports);

}  // namespace continual::binding
