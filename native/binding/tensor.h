// One tensor as JavaScript holds it: an opaque value, and functions on it.
#pragma once

#include "binding/napi_setup.h"
#include "core/torch.h"

namespace continual::binding {

struct HeldTensor;

struct TensorHandle {
  static void define(Napi::Env env, Napi::Object exports);

  /// null for an undefined tensor.
  static Napi::Value wrap(Napi::Env env, at::Tensor tensor);
  static bool is(const Napi::Value& value) { return find(value) != nullptr; }
  /// The tensor of a handle. Throws ERR_INVALID_ARG_TYPE, and ERR_DISPOSED where JavaScript has let go of it.
  static const at::Tensor& tensor(const Napi::Value& value);

  /// null where the value is no handle.
  static HeldTensor* find(const Napi::Value& value);
};

}  // namespace continual::binding
