// Indexing from JavaScript, with the meaning that PyTorch gives it.
#pragma once

#include "binding/util/napi_setup.h"

namespace continual::binding {

void define_indexing(Napi::Env env, Napi::Object exports);

}  // namespace continual::binding
