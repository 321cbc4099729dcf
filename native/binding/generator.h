// A random number generator as JavaScript holds it: an opaque value, and functions on it.
#pragma once

#include "binding/napi_setup.h"
#include "core/torch.h"

namespace continual::binding {

struct GeneratorHandle {
  static void define(Napi::Env env, Napi::Object exports);

  static bool is(const Napi::Value& value);
  /// Throws ERR_INVALID_ARG_TYPE.
  static const at::Generator& generator(const Napi::Value& value);
};

}  // namespace continual::binding
