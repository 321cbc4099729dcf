// The stand-in as JavaScript has it.
#pragma once

#include "binding/util/napi_setup.h"

namespace continual::standin {

/// Adds the device "standin", `standinReads()` and `standinTouch()`.
void define(Napi::Env env, Napi::Object exports);

}  // namespace continual::standin
