// Reading arguments that `lib/` has already checked: a mismatch here is a bug of the package, reported as such.
#pragma once

#include <string>
#include <vector>

#include "binding/util/napi_setup.h"
#include "core/error.h"

namespace continual::binding {

[[noreturn]] inline void wrong_argument(const std::string& what) {
  throw Error("ERR_INVALID_ARG_TYPE", "native call: expected " + what);
}

inline std::string string_argument(const Napi::Value& value, const char* name) {
  if (!value.IsString()) wrong_argument(std::string(name) + " to be a string");
  return value.As<Napi::String>().Utf8Value();
}

inline double number_argument(const Napi::Value& value, const char* name) {
  if (!value.IsNumber()) wrong_argument(std::string(name) + " to be a number");
  return value.As<Napi::Number>().DoubleValue();
}

inline int64_t integer_argument(const Napi::Value& value, const char* name) {
  return static_cast<int64_t>(number_argument(value, name));
}

inline bool boolean_argument(const Napi::Value& value, const char* name) {
  if (!value.IsBoolean()) wrong_argument(std::string(name) + " to be a boolean");
  return value.As<Napi::Boolean>().Value();
}

inline bool is_absent(const Napi::Value& value) { return value.IsUndefined() || value.IsNull(); }

/// Every element of a JavaScript array through `convert(value)`.
template <typename Convert>
auto array_argument(const Napi::Value& value, const char* name, const Convert& convert) {
  if (!value.IsArray()) wrong_argument(std::string(name) + " to be an array");
  const auto array = value.As<Napi::Array>();
  std::vector<decltype(convert(Napi::Value()))> result;
  result.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) result.push_back(convert(array.Get(i)));
  return result;
}

}  // namespace continual::binding
