#pragma once

#include "binding/util/occupation.h"
#include "binding/util/wrapped.h"
#include "core/regularization/mas.h"

namespace continual::binding {

class MasHandle : public Wrapped<MasHandle, std::shared_ptr<Shared<Mas>>> {
 public:
  static constexpr const char* kName = "Mas";

  static void define(Napi::Env env, Napi::Object exports);

  explicit MasHandle(const Napi::CallbackInfo& info) : Wrapped(info) {}

 private:
  Napi::Value memory(const Napi::CallbackInfo& info);
};

}  // namespace continual::binding
