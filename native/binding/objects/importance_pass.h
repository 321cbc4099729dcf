// What measures the importances of a quadratic penalty.
#pragma once

#include "binding/util/napi_setup.h"

namespace continual::binding {

void define_importance_pass(Napi::Env env, Napi::Object exports);

}  // namespace continual::binding
