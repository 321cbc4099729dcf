// What operators there are, for the script that writes their declarations.
#pragma once

#include "binding/util/napi_setup.h"

namespace continual::binding {

void define_operator_schemas(Napi::Env env, Napi::Object exports);

}  // namespace continual::binding
