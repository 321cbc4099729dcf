// The JavaScript handle of a model: TorchScript or layers made here.
#pragma once

#include "binding/util/occupation.h"
#include "binding/util/wrapped.h"
#include "core/models/model.h"

namespace continual::binding {

class ModuleHandle : public Wrapped<ModuleHandle, std::shared_ptr<Shared<Model>>> {
 public:
  static constexpr const char* kName = "Module";

  static void define(Napi::Env env);
  static Napi::Value wrap(Napi::Env env, std::shared_ptr<Shared<Model>> model);

  explicit ModuleHandle(const Napi::CallbackInfo& info) : Wrapped(info) {}

 private:
  Model& runnable(const char* operation) const;

  Napi::Value named_parameters(const Napi::CallbackInfo& info);
  Napi::Value named_buffers(const Napi::CallbackInfo& info);
  Napi::Value forward(const Napi::CallbackInfo& info);
  Napi::Value forward_batch(const Napi::CallbackInfo& info);
  Napi::Value check_inputs(const Napi::CallbackInfo& info);
  Napi::Value input_names(const Napi::CallbackInfo& info);
  Napi::Value call(const Napi::CallbackInfo& info);
  Napi::Value method_names(const Napi::CallbackInfo& info);
  Napi::Value classes(const Napi::CallbackInfo& info);
  Napi::Value takes_task_labels(const Napi::CallbackInfo& info);
  Napi::Value forward_single_task(const Napi::CallbackInfo& info);
  Napi::Value forward_all_tasks(const Napi::CallbackInfo& info);
  Napi::Value check_idle(const Napi::CallbackInfo& info);
  Napi::Value part_names(const Napi::CallbackInfo& info);
  Napi::Value set_attribute(const Napi::CallbackInfo& info);
  Napi::Value state(const Napi::CallbackInfo& info);
  Napi::Value tensor(const Napi::CallbackInfo& info);
  Napi::Value set_tensor(const Napi::CallbackInfo& info);
  Napi::Value replace_parts(const Napi::CallbackInfo& info);
  Napi::Value zero_grad(const Napi::CallbackInfo& info);
  Napi::Value set_training(const Napi::CallbackInfo& info);
  Napi::Value train(const Napi::CallbackInfo& info);
  Napi::Value is_training(const Napi::CallbackInfo& info);
  Napi::Value to(const Napi::CallbackInfo& info);
  Napi::Value modes(const Napi::CallbackInfo& info);
  Napi::Value set_modes(const Napi::CallbackInfo& info);
  Napi::Value gradients(const Napi::CallbackInfo& info);
  Napi::Value set_gradients(const Napi::CallbackInfo& info);
  Napi::Value predict(const Napi::CallbackInfo& info);
  Napi::Value check_readable(const Napi::CallbackInfo& info);
  Napi::Value hold_for_prediction(const Napi::CallbackInfo& info);
  Napi::Value save(const Napi::CallbackInfo& info);
  Napi::Value saved(const Napi::CallbackInfo& info);
  Napi::Value trace(const Napi::CallbackInfo& info);
  Napi::Value frozen_modes(const Napi::CallbackInfo& info);
  Napi::Value untrainable(const Napi::CallbackInfo& info);
  Napi::Value code(const Napi::CallbackInfo& info);
  Napi::Value graph(const Napi::CallbackInfo& info);
};

}  // namespace continual::binding
