// Mixed precision for operators on the calling thread.
#pragma once

#include "binding/util/napi_setup.h"

namespace continual::binding {

void define_autocast(Napi::Env env, Napi::Object exports);

}  // namespace continual::binding
