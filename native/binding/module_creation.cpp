#include "binding/module_creation.h"

#include "binding/device.h"
#include "binding/promise_worker.h"
#include "binding/tensor.h"
#include "core/dynamic_modules.h"

namespace continual::binding {
namespace {

/// A copy, because JavaScript may change its own meanwhile.
std::string bytes_argument(const Napi::Value& value) {
  if (!value.IsTypedArray()) wrong_argument("a path or a Uint8Array");
  napi_typedarray_type type{};
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(value.Env(), value, &type, &length, &data, nullptr, nullptr) != napi_ok) {
    throw Napi::Error::New(value.Env());
  }
  if (type != napi_uint8_array) wrong_argument("a path or a Uint8Array");
  return length == 0 ? std::string() : std::string(static_cast<const char*>(data), length);
}

/// Native: jitLoad(source: string | Uint8Array, device: string) -> Promise<Module>
Napi::Value jit_load(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const bool is_path = info[0].IsString();
    return run_on_compute_thread(
        info.Env(), {},
        [is_path, source = is_path ? string_argument(info[0], "path") : bytes_argument(info[0]),
         device = device_named(string_argument(info[1], "device"))]() mutable {
          return Model::load(is_path ? ModelFile::open(source) : ModelFile::of(std::move(source)), device);
        },
        [](Napi::Env env, Model model) {
          return ModuleHandle::wrap(env, std::make_shared<Shared<Model>>(std::make_shared<Model>(std::move(model))));
        });
  });
}

/// Native: newParameter(data: Tensor, requiresGrad: boolean) -> Tensor: a leaf that shares the memory of `data`. Unlike
/// `tensorSetRequiresGrad` it may be made while jobs run: no job has this tensor.
Napi::Value new_parameter(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    at::Tensor parameter = TensorHandle::tensor(info[0]).detach();
    parameter.set_requires_grad(boolean_argument(info[1], "requiresGrad"));
    return TensorHandle::wrap(info.Env(), parameter);
  });
}

/// Whatever works with a model works with its children.
Napi::Value wrap_with_children(Napi::Env env, torch::jit::Module module, const Children& children) {
  auto shared = std::make_shared<Shared<Model>>(std::make_shared<Model>(std::move(module)));
  for (const auto& child : children) shared->join(*child);
  return ModuleHandle::wrap(env, std::move(shared));
}

/// Names and values of a list of pairs.
template <typename Convert>
auto named_argument(const Napi::Value& value, const char* name, const Convert& convert) {
  return array_argument(value, name, [&](const Napi::Value& pair) {
    if (!pair.IsArray()) wrong_argument(std::string(name) + " to be pairs");
    const auto entry = pair.As<Napi::Array>();
    return std::pair{string_argument(entry.Get(0u), "a name"), convert(entry.Get(1u))};
  });
}

}  // namespace

std::shared_ptr<Shared<Model>> idle_child(const Napi::Value& value) {
  const auto& child = ModuleHandle::get(value);
  child->idle("module");
  return child;
}

ScriptParts parts_argument(const Napi::CallbackInfo& info, size_t first, Children& children) {
  const auto tensor = [](const Napi::Value& value) {
    return is_absent(value) ? at::Tensor() : TensorHandle::tensor(value);
  };
  ScriptParts parts{.parameters = named_argument(info[first + 1], "parameters", tensor),
                    .buffers = named_argument(info[first + 2], "buffers", tensor)};
  for (const auto& [name, child] : named_argument(info[first], "children", idle_child)) {
    parts.children.emplace_back(name, child->object->module());
    children.push_back(child);
  }
  return parts;
}

namespace {

/// createModule('Script', className, children, parameters, buffers, source)
Napi::Value script(const Napi::CallbackInfo& info) {
  Children children;
  const ScriptParts parts = parts_argument(info, 2, children);
  return wrap_with_children(
      info.Env(), compose(string_argument(info[1], "className"), parts, string_argument(info[5], "source")), children);
}

/// Native: createModule(kind: string, ...args) -> Module
Napi::Value create_module(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const std::string kind = string_argument(info[0], "kind");
    const auto number = [&](size_t i) { return number_argument(info[i], "an option"); };
    const auto boolean = [&](size_t i) { return boolean_argument(info[i], "an option"); };
    if (kind == "Script") return script(info);
    if (kind == "IncrementalClassifier") {
      const auto classifier = idle_child(info[1]);
      return wrap_with_children(env, incremental_classifier(classifier->object->module(), boolean(2), number(3)),
                                {classifier});
    }
    if (kind == "MultiHeadClassifier") {
      const auto head = idle_child(info[1]);
      return wrap_with_children(env, multi_head_classifier(head->object->module(), boolean(2), number(3), number(4)),
                                {head});
    }
    wrong_argument("a known kind of module");
  });
}

}  // namespace

void define_module_creation(Napi::Env env, Napi::Object exports) {
  exports.Set("jitLoad", Napi::Function::New(env, jit_load, "jitLoad"));
  exports.Set("newParameter", Napi::Function::New(env, new_parameter, "newParameter"));
  exports.Set("createModule", Napi::Function::New(env, create_module, "createModule"));
}

}  // namespace continual::binding
