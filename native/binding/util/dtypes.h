// The one table of dtypes: name, libtorch's type, JavaScript's typed array.
#pragma once

#include <array>
#include <string_view>

#include "binding/util/napi_setup.h"
#include "core/torch.h"

namespace continual::binding {

struct DType {
  std::string_view name;
  at::ScalarType type;
  /// -1 where JavaScript has no typed array of that element: values travel as float32 (complex ones as pairs).
  int typed_array;
};

inline constexpr std::array kDTypes{
    DType{"float32", at::kFloat, napi_float32_array},
    DType{"float64", at::kDouble, napi_float64_array},
    DType{"float16", at::kHalf, -1},
    DType{"bfloat16", at::kBFloat16, -1},
    DType{"int64", at::kLong, napi_bigint64_array},
    DType{"int32", at::kInt, napi_int32_array},
    DType{"int16", at::kShort, napi_int16_array},
    DType{"int8", at::kChar, napi_int8_array},
    DType{"uint8", at::kByte, napi_uint8_array},
    DType{"uint16", at::kUInt16, napi_uint16_array},
    DType{"uint32", at::kUInt32, napi_uint32_array},
    DType{"uint64", at::kUInt64, napi_biguint64_array},
    DType{"bool", at::kBool, napi_uint8_array},
    DType{"complex64", at::kComplexFloat, -1},
    DType{"complex128", at::kComplexDouble, -1},
    DType{"complex32", at::kComplexHalf, -1},
    DType{"float8_e4m3fn", at::kFloat8_e4m3fn, -1},
    DType{"float8_e5m2", at::kFloat8_e5m2, -1},
    DType{"float8_e4m3fnuz", at::kFloat8_e4m3fnuz, -1},
    DType{"float8_e5m2fnuz", at::kFloat8_e5m2fnuz, -1},
    DType{"float8_e8m0fnu", at::kFloat8_e8m0fnu, -1},
    DType{"float4_e2m1fn_x2", at::kFloat4_e2m1fn_x2, -1},
    DType{"qint8", at::kQInt8, -1},
    DType{"quint8", at::kQUInt8, -1},
    DType{"qint32", at::kQInt32, -1},
};
static_assert(sizeof(bool) == 1, "bool tensors are read through Uint8Array");

/// Throws ERR_INVALID_ARG_VALUE for a name that is not in the table.
const DType& dtype_named(const std::string& name);
/// Throws ERR_UNSUPPORTED_DTYPE for a type that is not in the table.
const DType& dtype_of(at::ScalarType type);

}  // namespace continual::binding
