#include "binding/objects/snapshot.h"

#include "binding/objects/tensor.h"
#include "binding/util/promise_worker.h"

namespace continual::binding {
namespace {

std::vector<std::shared_ptr<Shared<Model>>> models_argument(const Napi::Value& value, const char* operation) {
  return array_argument(value, "modules", [&](const Napi::Value& item) {
    const auto& model = ModuleHandle::get(item);
    model->readable(operation);
    return model;
  });
}

std::vector<at::Tensor> tensors_argument(const Napi::Value& value) {
  return array_argument(value, "tensors", [](const Napi::Value& item) { return TensorHandle::tensor(item); });
}

std::vector<torch::jit::Module> modules_of(const std::vector<std::shared_ptr<Shared<Model>>>& models) {
  std::vector<torch::jit::Module> modules;
  for (const auto& model : models) modules.push_back(model->object->module());
  return modules;
}

/// Whatever works with one of them works with the others.
std::vector<std::shared_ptr<Shared<Model>>> as_models(const std::vector<torch::jit::Module>& copies,
                                                      const std::vector<std::shared_ptr<Shared<Model>>>& originals) {
  std::vector<std::shared_ptr<Shared<Model>>> models;
  for (size_t i = 0; i < copies.size(); ++i) {
    originals[i]->object->share_class();
    models.push_back(std::make_shared<Shared<Model>>(std::make_shared<Model>(copies[i], *originals[i]->object)));
    models.back()->join(*models.front());
  }
  return models;
}

Napi::Array to_handles(Napi::Env env, const std::vector<std::shared_ptr<Shared<Model>>>& models) {
  Napi::Array result = Napi::Array::New(env, models.size());
  for (uint32_t i = 0; i < models.size(); ++i) result.Set(i, ModuleHandle::wrap(env, models[i]));
  return result;
}

Napi::Array to_handles(Napi::Env env, const std::vector<at::Tensor>& tensors) {
  Napi::Array result = Napi::Array::New(env, tensors.size());
  for (uint32_t i = 0; i < tensors.size(); ++i) result.Set(i, TensorHandle::wrap(env, tensors[i]));
  return result;
}

/// As Python's deepcopy of a parameter: its gradient stays behind.
at::Tensor deep_copy(const at::Tensor& tensor) {
  return tensor.detach().clone().requires_grad_(tensor.requires_grad());
}

/// Native: cloneModules(modules: Module[], tensors: Tensor[]) -> { modules: Module[], tensors: Tensor[] }: copies of
/// modules and of tensors beside them; what is shared stays shared. Throws ERR_BUSY.
Napi::Value clone_modules(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const auto originals = models_argument(info[0], "clone");
    const at::NoGradGuard no_grad;
    ObjectCopies copies(deep_copy);
    std::vector<torch::jit::Module> modules;
    for (const torch::jit::Module& module : modules_of(originals)) modules.push_back(copies.of(module));
    std::vector<at::Tensor> tensors;
    for (const at::Tensor& tensor : tensors_argument(info[1])) tensors.push_back(copies.of(tensor));
    Napi::Object result = Napi::Object::New(env);
    result.Set("modules", to_handles(env, as_models(modules, originals)));
    result.Set("tensors", to_handles(env, tensors));
    return result;
  });
}

/// Native: createSnapshot(modules: Module[], tensors: Tensor[]) -> Snapshot: of the first one, the others being in it.
/// Throws ERR_BUSY.
Napi::Value create_snapshot(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const auto originals = models_argument(info[0], "snapshot");
    if (originals.empty()) wrong_argument("a module");
    const at::NoGradGuard no_grad;
    auto snapshot = std::make_shared<ModelSnapshot>(modules_of(originals), tensors_argument(info[1]));
    auto copies = as_models(snapshot->modules(), originals);
    return SnapshotHandle::make(Environment::of(env).snapshot_class, {snapshot, originals.front(), std::move(copies)});
  });
}

}  // namespace

void SnapshotHandle::define(Napi::Env env, Napi::Object exports) {
  using Self = SnapshotHandle;
  const Napi::Function constructor =
      DefineClass(env, kName,
                  {InstanceMethod<&Self::modules>("modules"), InstanceMethod<&Self::tensors>("tensors"),
                   InstanceMethod<&Self::fits>("fits"), InstanceMethod<&Self::refresh>("refresh")});
  Environment::of(env).snapshot_class = Napi::Persistent(constructor);
  exports.Set("createSnapshot", Napi::Function::New(env, create_snapshot, "createSnapshot"));
  exports.Set("cloneModules", Napi::Function::New(env, clone_modules, "cloneModules"));
}

/// modules() -> Module[]: the copies, in the order of what was given.
Napi::Value SnapshotHandle::modules(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value { return to_handles(info.Env(), value_.copies); });
}

/// tensors() -> Tensor[]: the same of tensors.
Napi::Value SnapshotHandle::tensors(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value { return to_handles(info.Env(), value_.snapshot->tensors()); });
}

/// fits(modules: Module[], tensors: Tensor[]) -> boolean: whether `refresh` would make a copy of these. Throws
/// ERR_BUSY.
Napi::Value SnapshotHandle::fits(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto modules = modules_of(models_argument(info[0], "snapshot"));
    return Napi::Boolean::New(info.Env(), value_.snapshot->fits(modules, tensors_argument(info[1])));
  });
}

/// refresh() -> Promise<void>: copies on the compute thread, and shows all at once. Throws ERR_BUSY.
Napi::Value SnapshotHandle::refresh(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    value_.original->readable("snapshot");
    return run_job(
        info.Env(), JobKind::kCopy, {value_.original},
        [snapshot = value_.snapshot] {
          snapshot->fill();
          return snapshot;
        },
        [](Napi::Env env, const std::shared_ptr<ModelSnapshot>& snapshot) {
          snapshot->show();
          return env.Undefined();
        });
  });
}

}  // namespace continual::binding
