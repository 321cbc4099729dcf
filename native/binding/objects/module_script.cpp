// A model as TorchScript: saved, traced, looked through and shown.
#include "binding/objects/module.h"
#include "binding/objects/tensor.h"
#include "binding/util/arguments.h"
#include "binding/util/promise_worker.h"
#include "binding/util/script_values.h"
#include "core/models/frozen_modes.h"
#include "core/models/tracing.h"
#include "core/models/untrainable.h"

namespace continual::binding {
namespace {

/// What is to be saved is copied at once: the model may be used, and trained, while its copy is written. A copy ends on
/// the compute thread, because who waits for that keeps the JavaScript thread.
template <typename Write, typename Convert>
Napi::Value write_copy(Napi::Env env, Model& model, Write write, Convert convert) {
  return run_on_compute_thread(
      env, {},
      [copy = std::make_unique<ModelCopy>(model.copy()), write = std::move(write)]() mutable {
        const std::unique_ptr<ModelCopy> ending = std::move(copy);
        return write(*ending);
      },
      convert);
}

/// A tensor, or an array of them as a tuple. An array that holds itself has no end.
c10::IValue traceable(const Napi::Value& value, int depth = 0) {
  constexpr int kDeepest = 64;
  if (!value.IsArray()) return TensorHandle::tensor(value);
  if (depth == kDeepest) wrong_argument("tensors in arrays of less depth");
  return c10::ivalue::Tuple::create(
      array_argument(value, "tensors", [depth](const Napi::Value& item) { return traceable(item, depth + 1); }));
}

}  // namespace

/// save(path: string) -> Promise<void>, behind whatever the compute thread has to do before. Throws ERR_BUSY.
Napi::Value ModuleHandle::save(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const std::string path = string_argument(info[0], "path");
    return write_copy(
        info.Env(), value_->readable("jit.save"),
        [path](const ModelCopy& copy) {
          copy.save(path);
          return true;
        },
        [](Napi::Env env, bool) { return env.Undefined(); });
  });
}

/// saved() -> Promise<Buffer>: what `save` would write. Throws ERR_BUSY.
Napi::Value ModuleHandle::saved(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return write_copy(
        info.Env(), value_->readable("jit.saveToBuffer"), [](const ModelCopy& copy) { return copy.saved(); },
        [](Napi::Env env, const std::string& bytes) -> Napi::Value {
          return Napi::Buffer<char>::Copy(env, bytes.data(), bytes.size());
        });
  });
}

/// trace(inputs: Value[], forward: (inputs: Value[]) => Value, takesTaskLabels: boolean) -> Module: inputs and output
/// are tensors and arrays of them.
Napi::Value ModuleHandle::trace(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    const torch::jit::Stack inputs =
        array_argument(info[0], "inputs", [](const Napi::Value& value) { return traceable(value); });
    if (!info[1].IsFunction()) wrong_argument("forward to be a function");
    const Napi::Function forward = info[1].As<Napi::Function>();
    const bool takes_task_labels = boolean_argument(info[2], "takesTaskLabels");
    torch::jit::Module traced = continual::trace(value_->idle("jit.trace").module(), inputs, takes_task_labels,
                                                 [&](const torch::jit::Stack& values) {
                                                   Napi::Array array = Napi::Array::New(env, values.size());
                                                   for (uint32_t i = 0; i < values.size(); ++i)
                                                     array.Set(i, from_script_value(env, values[i]));
                                                   return traceable(forward.Call({array}));
                                                 });
    auto shared = std::make_shared<Shared<Model>>(std::make_shared<Model>(std::move(traced)));
    value_->idle("jit.trace");
    shared->join(*value_);
    return ModuleHandle::wrap(env, std::move(shared));
  });
}

/// frozenModes() -> { module, operator, mode }[]
Napi::Value ModuleHandle::frozen_modes(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    Napi::Array result = Napi::Array::New(env);
    for (const FrozenMode& frozen : continual::frozen_modes(value_->object->module())) {
      Napi::Object entry = Napi::Object::New(env);
      entry.Set("module", frozen.module);
      entry.Set("operator", frozen.operation);
      entry.Set("mode", frozen.train ? "train" : "eval");
      result.Set(result.Length(), entry);
    }
    return result;
  });
}

/// untrainable() -> { module, reason }[]
Napi::Value ModuleHandle::untrainable(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    Napi::Array result = Napi::Array::New(env);
    for (const UntrainablePart& part : untrainable_parts(value_->object->module())) {
      Napi::Object entry = Napi::Object::New(env);
      entry.Set("module", part.module);
      entry.Set("reason", part.reason == Fixed::kFrozen ? "frozen" : "quantized");
      result.Set(result.Length(), entry);
    }
    return result;
  });
}

/// code() -> string: of the method `forward`.
Napi::Value ModuleHandle::code(const Napi::CallbackInfo& info) {
  return guarded(info.Env(),
                 [&]() -> Napi::Value { return Napi::String::New(info.Env(), value_->readable("code").code()); });
}

/// graph() -> string: of the method `forward`.
Napi::Value ModuleHandle::graph(const Napi::CallbackInfo& info) {
  return guarded(info.Env(),
                 [&]() -> Napi::Value { return Napi::String::New(info.Env(), value_->readable("graph").graph()); });
}

}  // namespace continual::binding
