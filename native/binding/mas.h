#pragma once

#include "binding/shared.h"
#include "binding/wrapped.h"
#include "core/mas.h"

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
