#pragma once

#include "binding/util/occupation.h"
#include "binding/util/wrapped.h"
#include "core/regularization/quadratic_penalty.h"

namespace continual::binding {

class QuadraticPenaltyHandle : public Wrapped<QuadraticPenaltyHandle, std::shared_ptr<Shared<QuadraticPenalty>>> {
 public:
  static constexpr const char* kName = "QuadraticPenalty";

  static void define(Napi::Env env, Napi::Object exports);

  explicit QuadraticPenaltyHandle(const Napi::CallbackInfo& info) : Wrapped(info) {}

 private:
  Napi::Value phase(const Napi::CallbackInfo& info);
  Napi::Value proximal(const Napi::CallbackInfo& info);
  Napi::Value value(const Napi::CallbackInfo& info);
  Napi::Value stability_check(const Napi::CallbackInfo& info);
  Napi::Value stability(const Napi::CallbackInfo& info);
  Napi::Value is_empty(const Napi::CallbackInfo& info);
  Napi::Value memory(const Napi::CallbackInfo& info);
  Napi::Value set_memory(const Napi::CallbackInfo& info);
  Napi::Value set_lambda(const Napi::CallbackInfo& info);
  Napi::Value uniform(const Napi::CallbackInfo& info);
  Napi::Value keep_previous(const Napi::CallbackInfo& info);
  Napi::Value take_back(const Napi::CallbackInfo& info);
};

}  // namespace continual::binding
