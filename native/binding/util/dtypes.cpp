#include "binding/util/dtypes.h"

#include "core/error.h"

namespace continual::binding {

const DType& dtype_named(const std::string& name) {
  for (const DType& dtype : kDTypes) {
    if (dtype.name == name) return dtype;
  }
  std::string known;
  for (const DType& dtype : kDTypes) known += (known.empty() ? "" : ", ") + std::string(dtype.name);
  throw Error("ERR_INVALID_ARG_VALUE", "dtype: expected one of " + known + ", got \"" + name + "\"");
}

const DType& dtype_of(at::ScalarType type) {
  for (const DType& dtype : kDTypes) {
    if (dtype.type == type) return dtype;
  }
  throw Error("ERR_UNSUPPORTED_DTYPE", std::string("dtype ") + toString(type) + " has no JavaScript counterpart");
}

}  // namespace continual::binding
