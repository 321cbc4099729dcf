// The phases that hold a model to its teacher, as JavaScript has them.
#include "binding/objects/distillation.h"

#include "binding/objects/module.h"
#include "binding/objects/plugin_phase.h"
#include "core/regularization/distillation.h"

namespace continual::binding {
namespace {

/// Native: createOutputDistillation(student: Module, teacher: Module, options: { plugin: string, alpha: number,
/// temperature: number, isMultiTask: boolean, classes: [task: number, classes: number[]][] }) -> PluginPhase
Napi::Value create_output_distillation(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto &student = ModuleHandle::get(info[0]), &teacher = ModuleHandle::get(info[1]);
    if (!info[2].IsObject()) wrong_argument("options to be an object");
    const auto given = info[2].As<Napi::Object>();
    OutputDistillation::Options options;
    options.plugin = string_argument(given.Get("plugin"), "plugin");
    options.alpha = number_argument(given.Get("alpha"), "alpha");
    options.temperature = number_argument(given.Get("temperature"), "temperature");
    options.is_multi_task = boolean_argument(given.Get("isMultiTask"), "isMultiTask");
    const auto entry = [](const Napi::Value& value) {
      if (!value.IsArray()) wrong_argument("[task, classes]");
      const auto pair = value.As<Napi::Array>();
      const auto label = [](const Napi::Value& of) { return integer_argument(of, "a class"); };
      return std::pair(integer_argument(pair.Get(0u), "a task"), array_argument(pair.Get(1u), "classes", label));
    };
    for (auto& [task, classes] : array_argument(given.Get("classes"), "classes", entry)) options.classes[task] = classes;
    return PluginPhaseHandle::wrap(
        info.Env(), {std::make_shared<OutputDistillation>(student->object, teacher->object, options), teacher});
  });
}

/// Native: createFeatureDistillation(student: Module, teacher: Module, plugin: string, lambda: number) -> PluginPhase
Napi::Value create_feature_distillation(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto &student = ModuleHandle::get(info[0]), &teacher = ModuleHandle::get(info[1]);
    return PluginPhaseHandle::wrap(
        info.Env(), {std::make_shared<FeatureDistillation>(student->object, teacher->object,
                                                           string_argument(info[2], "plugin"), number_argument(info[3], "lambda")),
                     teacher});
  });
}

}  // namespace

void define_distillation(Napi::Env env, Napi::Object exports) {
  exports.Set("createOutputDistillation", Napi::Function::New(env, create_output_distillation, "createOutputDistillation"));
  exports.Set("createFeatureDistillation", Napi::Function::New(env, create_feature_distillation, "createFeatureDistillation"));
}

}  // namespace continual::binding
