// The inputs of a mini-batch on their way between JavaScript and C++.
#pragma once

#include "binding/util/napi_setup.h"
#include "core/data/inputs.h"

namespace continual::binding {

/// A tensor, an array of tensors, or { names: string[], tensors: Tensor[] }; null where there are none.
Inputs inputs_argument(const Napi::Value& value);
Napi::Value to_javascript(Napi::Env env, const Inputs& inputs);

}  // namespace continual::binding
