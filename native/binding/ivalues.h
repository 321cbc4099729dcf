// JavaScript values to libtorch's IValues by an operator's schema, and back.
#pragma once

#include <optional>
#include <string>

#include "binding/napi_setup.h"
#include "core/torch.h"

namespace continual::binding {

/// The value as the schema's argument wants it; nothing where it is of another kind.
std::optional<c10::IValue> to_ivalue(const Napi::Value& value, const c10::Argument& argument);

/// Tensor -> handle, int -> number (bigint beyond 2^53), float -> number, list and tuple -> array, None -> null.
Napi::Value to_javascript(Napi::Env env, const c10::IValue& value);

}  // namespace continual::binding
