// JavaScript values to what a method in TorchScript takes, by its schema, and back.
//
// Arrays travel as arrays. A dict travels as { pairs: [key, value][], isMap: boolean }: Node-API knows no Map, and a plain
// object (isMap false) may as well stand for a named tuple or for keyword arguments.
#pragma once

#include <optional>
#include <vector>

#include "binding/util/napi_setup.h"
#include "core/torch.h"

namespace continual::binding {

/// The value as this type; nothing where it is of another kind. A tuple comes as an array, a named tuple as an array or
/// a plain object, None as null or undefined.
std::optional<c10::IValue> to_script_value(const Napi::Value& value, const c10::TypePtr& type);

/// Tensor -> handle, list and tuple -> array, dict -> pairs, None -> null. Throws ERR_UNSUPPORTED_TYPE.
Napi::Value from_script_value(Napi::Env env, const c10::IValue& value);

/// The arguments of a method behind `self`, defaults filled in. A plain object in last place that is no argument itself
/// holds keyword arguments. Throws ERR_INVALID_ARG_TYPE with the schema where they do not fit.
torch::jit::Stack to_script_arguments(const std::string& operation, const c10::FunctionSchema& schema,
                                      const std::vector<Napi::Value>& values);

}  // namespace continual::binding
