#include "binding/objects/module_creation.h"

#include "binding/functions/device.h"
#include "binding/objects/tensor.h"
#include "binding/util/promise_worker.h"

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
  const auto child_argument = [](const Napi::Value& value) {
    return is_absent(value) ? std::shared_ptr<Shared<Model>>() : idle_child(value);
  };
  for (const auto& [name, child] : named_argument(info[first], "children", child_argument)) {
    parts.children.emplace_back(name, child ? std::optional(child->object->module()) : std::nullopt);
    if (child) children.push_back(child);
  }
  return parts;
}

namespace {

c10::IValue attribute(const Napi::Value& value, const std::string& kind) {
  if (kind == "bool") return boolean_argument(value, "an attribute");
  if (kind == "int") return integer_argument(value, "an attribute");
  if (kind == "float") return number_argument(value, "an attribute");
  if (kind != "int[]") wrong_argument("a known kind of attribute");
  return c10::List<int64_t>(array_argument(
      value, "an attribute", [](const Napi::Value& item) { return integer_argument(item, "an attribute"); }));
}

/// Native: createModule(className, children, parameters, buffers, attributes: [name, kind, value][], source) -> Module.
/// Whatever works with a model works with its children.
Napi::Value create_module(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Children children;
    ScriptParts parts = parts_argument(info, 1, children);
    parts.attributes = array_argument(info[4], "attributes", [](const Napi::Value& value) {
      if (!value.IsArray()) wrong_argument("attributes to be lists");
      const auto entry = value.As<Napi::Array>();
      return std::pair{string_argument(entry.Get(0u), "a name"),
                       attribute(entry.Get(2u), string_argument(entry.Get(1u), "a kind"))};
    });
    auto shared = std::make_shared<Shared<Model>>(std::make_shared<Model>(
        compose(string_argument(info[0], "className"), parts, string_argument(info[5], "source"))));
    for (const auto& child : children) shared->join(*child);
    return ModuleHandle::wrap(info.Env(), std::move(shared));
  });
}

}  // namespace

void define_module_creation(Napi::Env env, Napi::Object exports) {
  exports.Set("jitLoad", Napi::Function::New(env, jit_load, "jitLoad"));
  exports.Set("newParameter", Napi::Function::New(env, new_parameter, "newParameter"));
  exports.Set("createModule", Napi::Function::New(env, create_module, "createModule"));
}

}  // namespace continual::binding
