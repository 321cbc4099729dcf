// What a model holds: parameters and their gradients, buffers, attributes, children and modes.
#include "binding/functions/autograd.h"
#include "binding/functions/device.h"
#include "binding/objects/module.h"
#include "binding/objects/module_creation.h"
#include "binding/objects/tensor.h"
#include "binding/util/arguments.h"
#include "binding/util/dtypes.h"
#include "binding/util/errors.h"

namespace continual::binding {
namespace {

Napi::Value to_entries(Napi::Env env, const std::vector<std::pair<std::string, at::Tensor>>& named) {
  Napi::Array entries = Napi::Array::New(env, named.size());
  for (uint32_t i = 0; i < named.size(); ++i) {
    Napi::Array entry = Napi::Array::New(env, 2);
    entry.Set(0u, Napi::String::New(env, named[i].first));
    entry.Set(1u, TensorHandle::wrap(env, named[i].second));
    entries.Set(i, entry);
  }
  return entries;
}

/// A value of the type that the attribute has.
c10::IValue attribute_argument(const Napi::Value& value, const c10::TypePtr& type) {
  switch (type->kind()) {
    case c10::TypeKind::IntType: return integer_argument(value, "an attribute");
    case c10::TypeKind::FloatType: return number_argument(value, "an attribute");
    case c10::TypeKind::BoolType: return boolean_argument(value, "an attribute");
    case c10::TypeKind::ListType:
      if (*type->castRaw<c10::ListType>()->getElementType() == *c10::IntType::get()) {
        return c10::List<int64_t>(array_argument(
            value, "an attribute", [](const Napi::Value& item) { return integer_argument(item, "an attribute"); }));
      }
      [[fallthrough]];
    default: wrong_argument("an attribute that is a number, a boolean or a list of integers");
  }
}

}  // namespace

Napi::Value ModuleHandle::named_parameters(const Napi::CallbackInfo& info) {
  return guarded(info.Env(),
                 [&] { return to_entries(info.Env(), value_->readable("namedParameters").named_parameters()); });
}

Napi::Value ModuleHandle::named_buffers(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return to_entries(info.Env(), value_->readable("namedBuffers").named_buffers()); });
}

/// partNames() -> [name: string, kind: "parameter" | "buffer" | "module"][]: of the outermost module.
Napi::Value ModuleHandle::part_names(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    Napi::Array result = Napi::Array::New(env);
    const c10::ClassType& type = *value_->object->module().type();
    for (size_t i = 0; i < type.numAttributes(); ++i) {
      const char* const kind = type.is_parameter(i)                ? "parameter"
                               : type.is_buffer(i)                 ? "buffer"
                               : type.getAttribute(i)->is_module() ? "module"
                                                                   : nullptr;
      if (kind == nullptr) continue;
      Napi::Array entry = Napi::Array::New(env, 2);
      entry.Set(0u, type.getAttributeName(i));
      entry.Set(1u, kind);
      result.Set(result.Length(), entry);
    }
    return result;
  });
}

/// setAttribute(name: string, value: number | boolean | number[]) -> void
Napi::Value ModuleHandle::set_attribute(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const std::string name = string_argument(info[0], "name");
    torch::jit::Module& module = value_->idle(name.c_str()).module();
    module.setattr(name, attribute_argument(info[1], module.type()->getAttribute(name)));
    return info.Env().Undefined();
  });
}

Napi::Value ModuleHandle::train(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    value_->idle("train").train(boolean_argument(info[0], "mode"));
    return info.Env().Undefined();
  });
}

Napi::Value ModuleHandle::is_training(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::Boolean::New(info.Env(), value_->readable("training").is_training());
  });
}

/// zeroGrad() -> void: of all parameters.
Napi::Value ModuleHandle::zero_grad(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    for (auto& [name, parameter] : value_->idle("zeroGrad").named_parameters()) parameter.mutable_grad().reset();
    return info.Env().Undefined();
  });
}

/// setTraining(mode: boolean) -> void: of the outermost module alone.
Napi::Value ModuleHandle::set_training(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    value_->idle("train").set_training(boolean_argument(info[0], "mode"));
    return info.Env().Undefined();
  });
}

/// to(device: string | null, dtype: string | null) -> void
Napi::Value ModuleHandle::to(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    std::optional<at::Device> device;
    std::optional<at::ScalarType> dtype;
    if (!is_absent(info[0])) device = device_named(string_argument(info[0], "device"));
    if (!is_absent(info[1])) dtype = dtype_named(string_argument(info[1], "dtype")).type;
    value_->idle("to").to(device, dtype);
    return info.Env().Undefined();
  });
}

/// state(recurse: boolean) -> [name: string, tensor: Tensor, isBuffer: boolean][]
Napi::Value ModuleHandle::state(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const auto entries = value_->readable("stateDict").state(boolean_argument(info[0], "recurse"));
    Napi::Array result = Napi::Array::New(env, entries.size());
    for (uint32_t i = 0; i < entries.size(); ++i) {
      Napi::Array entry = Napi::Array::New(env, 3);
      entry.Set(0u, Napi::String::New(env, entries[i].name));
      entry.Set(1u, TensorHandle::wrap(env, entries[i].tensor));
      entry.Set(2u, Napi::Boolean::New(env, entries[i].is_buffer));
      result.Set(i, entry);
    }
    return result;
  });
}

/// tensor(name: string) -> Tensor | null: a parameter or buffer of the outermost module; null where it does without.
Napi::Value ModuleHandle::tensor(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const std::string name = string_argument(info[0], "name");
    const torch::jit::Module& module = value_->readable(name.c_str()).module();
    const bool found = module.hasattr(name) && module.attr(name).isTensor();
    return TensorHandle::wrap(info.Env(), found ? module.attr(name).toTensor() : at::Tensor());
  });
}

/// setTensor(name: string, tensor: Tensor) -> void
Napi::Value ModuleHandle::set_tensor(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const std::string name = string_argument(info[0], "name");
    value_->idle(name.c_str()).set_tensor(name, TensorHandle::tensor(info[1]));
    return info.Env().Undefined();
  });
}

/// replaceParts(removed: string[], children, parameters, buffers, source: string | null) -> void: without source the
/// methods stay, and use none of the parts.
Napi::Value ModuleHandle::replace_parts(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    Children children;
    const ScriptParts parts = parts_argument(info, 1, children);
    const auto removed =
        array_argument(info[0], "removed", [](const Napi::Value& name) { return string_argument(name, "a name"); });
    std::optional<std::string> source;
    if (!is_absent(info[4])) source = string_argument(info[4], "source");
    value_->idle("module").recompose(removed, parts, source);
    for (const auto& child : children) child->join(*value_);
    return info.Env().Undefined();
  });
}

/// modes() -> Record<string, boolean>: train (true) or eval mode of every module of the tree by its name.
Napi::Value ModuleHandle::modes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Napi::Object result = Napi::Object::New(info.Env());
    for (const auto& [name, mode] : value_->readable("modes").modes()) result.Set(name, mode);
    return result;
  });
}

/// setModes(modes: Record<string, boolean>) -> void: also while predictions are under way, which have modes of their own.
Napi::Value ModuleHandle::set_modes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    if (!info[0].IsObject()) wrong_argument("modes to be an object");
    const auto object = info[0].As<Napi::Object>();
    std::unordered_map<std::string, bool> modes;
    for (const Napi::Value& name :
         array_argument(object.GetPropertyNames(), "names", [](const Napi::Value& value) { return value; })) {
      modes[name.ToString()] = boolean_argument(object.Get(name), "mode");
    }
    value_->readable("setModes").set_modes(modes);
    return info.Env().Undefined();
  });
}

/// gradients() -> Record<string, Tensor>: copies, by the parameter's name; also while other models are worked with.
Napi::Value ModuleHandle::gradients(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const at::NoGradGuard no_grad;
    Napi::Object result = Napi::Object::New(info.Env());
    for (const auto& [name, parameter] : value_->readable("gradients").named_parameters()) {
      if (parameter.grad().defined()) result.Set(name, TensorHandle::wrap(info.Env(), parameter.grad().clone()));
    }
    return result;
  });
}

/// setGradients(gradients: Record<string, Tensor>) -> void: parameters that it does not name get none.
Napi::Value ModuleHandle::set_gradients(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    if (!info[0].IsObject()) wrong_argument("gradients to be an object");
    const auto object = info[0].As<Napi::Object>();
    for (const auto& [name, parameter] : value_->readable("setGradients").named_parameters()) {
      const Napi::Value gradient = object.Get(name);
      set_grad(parameter, is_absent(gradient) ? at::Tensor() : TensorHandle::tensor(gradient));
    }
    return info.Env().Undefined();
  });
}

}  // namespace continual::binding
