#include "core/models/script_module.h"

#include <algorithm>

#include "core/error.h"
#include "core/models/model_copy.h"

namespace continual {

torch::jit::Module script_module(const std::string& name) {
  torch::jit::Module module(c10::QualifiedName("__torch__.continual_torch.nn." + name),
                            std::make_shared<torch::jit::CompilationUnit>(), /*shouldMangle=*/true);
  module.register_attribute("training", c10::BoolType::get(), true);
  return module;
}

namespace {

/// What stands in a module under a name.
struct Attribute {
  std::string name;
  c10::TypePtr type;
  c10::IValue value;
  bool is_parameter = false;
  bool is_buffer = false;
};

std::vector<Attribute> attributes_of(const ScriptParts& parts) {
  std::vector<Attribute> result;
  const auto add = [&](const std::string& name, const at::Tensor& tensor, bool is_buffer) {
    if (tensor.defined()) result.push_back({name, c10::TensorType::get(), tensor, !is_buffer, is_buffer});
    else result.push_back({name, c10::NoneType::get(), c10::IValue()});
  };
  for (const auto& [name, value] : parts.attributes) result.push_back({name, value.type(), value});
  for (const auto& [name, tensor] : parts.parameters) add(name, tensor, /*is_buffer=*/false);
  for (const auto& [name, tensor] : parts.buffers) add(name, tensor, /*is_buffer=*/true);
  for (const auto& [name, child] : parts.children) {
    if (child) result.push_back({name, child->type(), child->_ivalue()});
    else result.push_back({name, c10::NoneType::get(), c10::IValue()});
  }
  return result;
}

void add_attributes(torch::jit::Module& module, const std::vector<Attribute>& attributes) {
  for (const Attribute& a : attributes) module.register_attribute(a.name, a.type, a.value, a.is_parameter, a.is_buffer);
}

}  // namespace

torch::jit::Module compose(const std::string& name, const ScriptParts& parts, const std::string& source) {
  torch::jit::Module module = script_module(name);
  add_attributes(module, attributes_of(parts));
  if (!source.empty()) module.define(source);
  return module;
}

torch::jit::Module recompose(const torch::jit::Module& module, const std::vector<std::string>& removed,
                             const ScriptParts& parts, const std::string& source) {
  const c10::ClassType& type = *module.type();
  std::vector<Attribute> attributes;
  for (size_t i = 0; i < type.numAttributes(); ++i) {
    const std::string& name = type.getAttributeName(i);
    if (name == "training" || std::find(removed.begin(), removed.end(), name) != removed.end()) continue;
    attributes.push_back(
        {name, type.getAttribute(i), module._ivalue()->getSlot(i), type.is_parameter(i), type.is_buffer(i)});
  }
  for (Attribute& attribute : attributes_of(parts)) {
    const auto place = std::find_if(attributes.begin(), attributes.end(),
                                    [&](const Attribute& other) { return other.name == attribute.name; });
    if (place == attributes.end()) attributes.push_back(std::move(attribute));
    else *place = std::move(attribute);
  }
  torch::jit::Module result = script_module(type.name()->name());
  if (module.hasattr("training")) result.setattr("training", module.attr("training"));
  add_attributes(result, attributes);
  if (!source.empty()) result.define(source);
  return result;
}

void replace_parts(torch::jit::Module& module, const std::vector<std::string>& removed, const ScriptParts& parts) {
  wait_for_copies();
  for (const std::string& name : removed) {
    if (!module.hasattr(name)) continue;
    module._ivalue()->unsafeRemoveAttr(name);
    module.type()->unsafeRemoveAttribute(name);
  }
  add_attributes(module, attributes_of(parts));
}

void set_tensor(torch::jit::Module& module, const std::string& name, const at::Tensor& tensor) {
  if (!module.hasattr(name) || !module.attr(name).isTensor()) {
    throw Error("ERR_INVALID_ARG_VALUE", "module: expected a parameter or buffer \"" + name + "\", found none");
  }
  module.setattr(name, tensor);
}

std::string signature(const c10::FunctionSchema& schema) {
  std::string result = schema.name() + "(";
  for (size_t i = 1; i < schema.arguments().size(); ++i) {
    const c10::Argument& argument = schema.arguments()[i];
    result += (i > 1 ? ", " : "") + argument.name() + ": " + argument.type()->repr_str();
    if (argument.default_value()) result += c10::str(" = ", *argument.default_value());
  }
  result += ") -> ";
  return result + (schema.returns().size() == 1 ? schema.returns()[0].type()->repr_str() : "None");
}

}  // namespace continual
