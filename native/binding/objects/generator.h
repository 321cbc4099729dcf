// A random number generator as JavaScript holds it: an opaque object, and functions on it.
#pragma once

#include "binding/util/wrapped.h"
#include "core/torch.h"

namespace continual::binding {

class GeneratorHandle : public Wrapped<GeneratorHandle, at::Generator> {
 public:
  static constexpr const char* kName = "Generator";

  static void define(Napi::Env env, Napi::Object exports);
  static Napi::Value wrap(Napi::Env env, at::Generator generator);
  static const at::Generator& generator(const Napi::Value& value) { return get(value); }

  explicit GeneratorHandle(const Napi::CallbackInfo& info) : Wrapped(info) {}
};

}  // namespace continual::binding
