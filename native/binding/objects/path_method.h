// What measures importances along the way of training.
#pragma once

#include "binding/util/napi_setup.h"

namespace continual::binding {

void define_path_methods(Napi::Env env, Napi::Object exports);

}  // namespace continual::binding
