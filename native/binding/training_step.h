#pragma once

#include "binding/module.h"
#include "binding/wrapped.h"
#include "core/training_step.h"

namespace continual::binding {

struct SharedStep {
  std::unique_ptr<TrainingStep> step;
  std::shared_ptr<SharedModel> model;
  bool busy = false;  // a job is under way; JavaScript thread only
};

class TrainingStepHandle : public Wrapped<TrainingStepHandle, std::shared_ptr<SharedStep>> {
 public:
  static constexpr const char* kName = "TrainingStep";
  static constexpr napi_type_tag kTag{0x6c1f0f7c5b0e4a11, 0x9a3d51e07c2b4f06};

  static void define(Napi::Env env, Napi::Object exports);

  explicit TrainingStepHandle(const Napi::CallbackInfo& info) : Wrapped(info) {}

 private:
  TrainingStep& idle();
  template <typename Work>
  Napi::Value submit(Napi::Env env, Work work);

  Napi::Value prepare(const Napi::CallbackInfo& info);
  Napi::Value open(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  Napi::Value batches(const Napi::CallbackInfo& info);
  Napi::Value run(const Napi::CallbackInfo& info);
  Napi::Value begin_importance(const Napi::CallbackInfo& info);
  Napi::Value accumulate_importance(const Napi::CallbackInfo& info);
  Napi::Value end_importance(const Napi::CallbackInfo& info);
  Napi::Value clear(const Napi::CallbackInfo& info);
  Napi::Value get(const Napi::CallbackInfo& info);
  Napi::Value set(const Napi::CallbackInfo& info);
  Napi::Value statistics(const Napi::CallbackInfo& info);
};

}  // namespace continual::binding
