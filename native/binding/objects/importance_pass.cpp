// The phases of a pass that measures importances, as JavaScript has them.
#include "binding/objects/importance_pass.h"

#include "binding/objects/plugin_phase.h"
#include "binding/objects/quadratic_penalty.h"
#include "binding/objects/tensor.h"
#include "core/regularization/importance_pass.h"

namespace continual::binding {
namespace {

ImportanceRule::Option to_option(const Napi::Value& value, const std::string& name) {
  if (value.IsString()) return string_argument(value, name.c_str());
  if (value.IsArray()) return array_argument(value, name.c_str(), [&](const Napi::Value& index) { return integer_argument(index, name.c_str()); });
  return number_argument(value, name.c_str());
}

ImportanceRule::Options to_rule_options(const Napi::Value& value) {
  if (!value.IsObject()) wrong_argument("options to be an object");
  const auto given = value.As<Napi::Object>();
  const Napi::Array keys = given.GetPropertyNames();
  ImportanceRule::Options options;
  for (uint32_t i = 0; i < keys.Length(); ++i) {
    const std::string key = string_argument(keys.Get(i), "an option's name");
    options[key] = to_option(given.Get(key), key);
  }
  return options;
}

ImportanceOptions to_pass_options(const Napi::Value& value) {
  if (!value.IsObject()) wrong_argument("pass options to be an object");
  const auto given = value.As<Napi::Object>();
  const ImportanceRule::Options named{{"unseen", to_option(given.Get("unseen"), "unseen")},
                                      {"normalize", to_option(given.Get("normalize"), "normalize")}};
  ImportanceOptions options;
  options.excluded = array_argument(given.Get("excluded"), "excluded", [](const Napi::Value& name) { return string_argument(name, "a name"); });
  options.unseen = ImportanceOptions::Unseen(ImportanceRule::choice(named, "unseen", {"merge", "keep"}));
  options.normalize = ImportanceOptions::Normalize(ImportanceRule::choice(named, "normalize", {"none", "mean", "max"}));
  options.keeps_measured = boolean_argument(given.Get("keepsMeasured"), "keepsMeasured");
  options.operation = string_argument(given.Get("operation"), "operation");
  return options;
}

/// Native: createImportancePass(rule: string, options: Record<string, number | string | number[]>, penalty: QuadraticPenalty,
/// pass: { excluded: string[], unseen: "merge" | "keep", normalize: "none" | "mean" | "max", keepsMeasured: boolean, operation: string })
/// -> { begin, accumulate, replace, merge: PluginPhase, isOfSamples: boolean, needsSingleSamples(): boolean,
/// measured(): [name: string, importance: Tensor][] }
Napi::Value create_importance_pass(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const auto& penalty = QuadraticPenaltyHandle::get(info[2]);
    const auto pass = std::make_shared<ImportancePass>(
        ImportanceRule::make(string_argument(info[0], "rule"), to_rule_options(info[1])), penalty->object,
        to_pass_options(info[3]));
    Napi::Object phases = Napi::Object::New(env);
    using Stage = ImportancePass::Stage;
    for (const auto& [name, stage] : {std::pair("begin", Stage::kBegin),
                                      {"accumulate", Stage::kAccumulate},
                                      {"replace", Stage::kReplace},
                                      {"merge", Stage::kMerge}}) {
      phases.Set(name, PluginPhaseHandle::wrap(env, {ImportancePass::phase(pass, stage), penalty}));
    }
    phases.Set("isOfSamples", Napi::Boolean::New(env, pass->is_of_samples()));
    const auto needs_single_samples = [pass](const Napi::CallbackInfo& call) -> Napi::Value {
      return Napi::Boolean::New(call.Env(), pass->needs_single_samples());
    };
    phases.Set("needsSingleSamples", Napi::Function::New(env, needs_single_samples, "needsSingleSamples"));
    const auto measured = [pass, penalty](const Napi::CallbackInfo& call) -> Napi::Value {
      return guarded(call.Env(), [&]() -> Napi::Value {
        penalty->idle("measured");
        Napi::Array entries = Napi::Array::New(call.Env());
        for (const auto& [name, importance] : pass->measured()) {
          Napi::Array entry = Napi::Array::New(call.Env(), 2);
          entry.Set(0u, Napi::String::New(call.Env(), name));
          entry.Set(1u, TensorHandle::wrap(call.Env(), importance));
          entries.Set(entries.Length(), entry);
        }
        return entries;
      });
    };
    phases.Set("measured", Napi::Function::New(env, measured, "measured"));
    return phases;
  });
}

}  // namespace

void define_importance_pass(Napi::Env env, Napi::Object exports) {
  exports.Set("createImportancePass", Napi::Function::New(env, create_importance_pass, "createImportancePass"));
}

}  // namespace continual::binding
