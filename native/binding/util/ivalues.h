// Between JavaScript values and IValues, by the types of an operator's schema.
#pragma once

#include <optional>

#include "binding/util/napi_setup.h"
#include "core/torch.h"

namespace continual::binding {

/// The argument's value; nothing where the JavaScript value does not fit its type.
///
/// | schema                | JavaScript                                                                          |
/// | Tensor                | Tensor                                                                              |
/// | int, SymInt           | an integer, as number or bigint                                                     |
/// | float                 | number                                                                              |
/// | Scalar                | number, bigint, boolean; a complex one as Float64Array [re, im]                     |
/// | ScalarType, Device    | names: "float32", "cuda:0"                                                          |
/// | Layout, MemoryFormat  | names: "strided", "channelsLast"                                                    |
/// | Generator             | Generator                                                                           |
/// | T[], T[N]             | an array; for T[N] one value stands for all                                         |
/// | T?                    | null                                                                                |
std::optional<c10::IValue> to_ivalue(const Napi::Value& value, const c10::Argument& argument);

/// What an operator returned; tensors become handles. Throws ERR_UNSUPPORTED_TYPE for what JavaScript cannot hold.
Napi::Value to_javascript(Napi::Env env, const c10::IValue& value);

}  // namespace continual::binding
