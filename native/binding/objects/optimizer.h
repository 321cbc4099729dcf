#pragma once

#include "binding/util/occupation.h"
#include "binding/util/wrapped.h"
#include "core/optimizers/optimizer.h"

namespace continual::binding {

class OptimizerHandle : public Wrapped<OptimizerHandle, std::shared_ptr<Shared<Optimizer>>> {
 public:
  static constexpr const char* kName = "Optimizer";

  static void define(Napi::Env env, Napi::Object exports);

  explicit OptimizerHandle(const Napi::CallbackInfo& info) : Wrapped(info) {}

 private:
  Napi::Value step(const Napi::CallbackInfo& info);
  Napi::Value zero_grad(const Napi::CallbackInfo& info);
  Napi::Value group_parameters(const Napi::CallbackInfo& info);
  Napi::Value set_group_options(const Napi::CallbackInfo& info);
  Napi::Value set_group_parameters(const Napi::CallbackInfo& info);
  Napi::Value add_group(const Napi::CallbackInfo& info);
  Napi::Value state(const Napi::CallbackInfo& info);
  Napi::Value load(const Napi::CallbackInfo& info);
};

}  // namespace continual::binding
