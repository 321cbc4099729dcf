// One tensor as JavaScript holds it: an opaque value, and functions on it.
#pragma once

#include "binding/util/napi_setup.h"
#include "core/torch.h"

namespace continual::binding {

struct HeldTensor;

struct TensorHandle {
  static void define(Napi::Env env, Napi::Object exports);

  /// null for an undefined tensor.
  static Napi::Value wrap(Napi::Env env, at::Tensor tensor);
  static bool is(const Napi::Value& value) { return held(value) != nullptr; }
  /// The tensor of a handle; null where the value is none. Throws ERR_DISPOSED where JavaScript has let go of it.
  static const at::Tensor* find(const Napi::Value& value);
  /// As `find`, but throws ERR_INVALID_ARG_TYPE where the value is no handle.
  static const at::Tensor& tensor(const Napi::Value& value);

 private:
  static HeldTensor* held(const Napi::Value& value);
  static HeldTensor& held_argument(const Napi::CallbackInfo& info);
  static Napi::Value dispose(const Napi::CallbackInfo& info);
  static Napi::Value is_disposed(const Napi::CallbackInfo& info);
};

}  // namespace continual::binding
