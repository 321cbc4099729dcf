#include "binding/objects/module.h"

#include "binding/environment.h"
#include "binding/util/arguments.h"
#include "binding/util/errors.h"

namespace continual::binding {

void ModuleHandle::define(Napi::Env env) {
  using Self = ModuleHandle;
  const Napi::Function constructor = DefineClass(env, kName,
                                                 {InstanceMethod<&Self::named_parameters>("namedParameters"),
                                                  InstanceMethod<&Self::named_buffers>("namedBuffers"),
                                                  InstanceMethod<&Self::forward>("forward"),
                                                  InstanceMethod<&Self::forward_batch>("forwardBatch"),
                                                  InstanceMethod<&Self::check_inputs>("checkInputs"),
                                                  InstanceMethod<&Self::input_names>("inputNames"),
                                                  InstanceMethod<&Self::call>("call"),
                                                  InstanceMethod<&Self::method_names>("methodNames"),
                                                  InstanceMethod<&Self::classes>("classes"),
                                                  InstanceMethod<&Self::takes_task_labels>("takesTaskLabels"),
                                                  InstanceMethod<&Self::forward_single_task>("forwardSingleTask"),
                                                  InstanceMethod<&Self::forward_all_tasks>("forwardAllTasks"),
                                                  InstanceMethod<&Self::check_idle>("checkIdle"),
                                                  InstanceMethod<&Self::check_readable>("checkReadable"),
                                                  InstanceMethod<&Self::hold_for_prediction>("holdForPrediction"),
                                                  InstanceMethod<&Self::predict>("predict"),
                                                  InstanceMethod<&Self::part_names>("partNames"),
                                                  InstanceMethod<&Self::set_attribute>("setAttribute"),
                                                  InstanceMethod<&Self::state>("state"),
                                                  InstanceMethod<&Self::tensor>("tensor"),
                                                  InstanceMethod<&Self::set_tensor>("setTensor"),
                                                  InstanceMethod<&Self::replace_parts>("replaceParts"),
                                                  InstanceMethod<&Self::set_training>("setTraining"),
                                                  InstanceMethod<&Self::zero_grad>("zeroGrad"),
                                                  InstanceMethod<&Self::train>("train"),
                                                  InstanceMethod<&Self::is_training>("isTraining"),
                                                  InstanceMethod<&Self::to>("to"),
                                                  InstanceMethod<&Self::modes>("modes"),
                                                  InstanceMethod<&Self::set_modes>("setModes"),
                                                  InstanceMethod<&Self::gradients>("gradients"),
                                                  InstanceMethod<&Self::set_gradients>("setGradients"),
                                                  InstanceMethod<&Self::save>("save"),
                                                  InstanceMethod<&Self::saved>("saved"),
                                                  InstanceMethod<&Self::trace>("trace"),
                                                  InstanceMethod<&Self::frozen_modes>("frozenModes"),
                                                  InstanceMethod<&Self::untrainable>("untrainable"),
                                                  InstanceMethod<&Self::code>("code"),
                                                  InstanceMethod<&Self::graph>("graph")});
  Environment::of(env).module_class = Napi::Persistent(constructor);
}

Napi::Value ModuleHandle::wrap(Napi::Env env, std::shared_ptr<Shared<Model>> model) {
  return make(Environment::of(env).module_class, std::move(model));
}

/// checkIdle(operation: string) -> void. Throws ERR_BUSY.
Napi::Value ModuleHandle::check_idle(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    value_->idle(string_argument(info[0], "operation").c_str());
    return info.Env().Undefined();
  });
}

}  // namespace continual::binding
