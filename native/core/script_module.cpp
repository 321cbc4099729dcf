#include "core/script_module.h"

#include "core/error.h"

namespace continual {

torch::jit::Module script_module(const std::string& name) {
  torch::jit::Module module(c10::QualifiedName("__torch__.continual_torch.nn." + name),
                            std::make_shared<torch::jit::CompilationUnit>(), /*shouldMangle=*/true);
  module.register_attribute("training", c10::BoolType::get(), true);
  return module;
}

namespace {

void add_parts(torch::jit::Module& module, const ScriptParts& parts) {
  const auto add = [&](const std::string& name, const at::Tensor& tensor, bool is_buffer) {
    if (tensor.defined()) {
      module.register_parameter(name, tensor, is_buffer);
    } else {
      module.register_attribute(name, c10::NoneType::get(), c10::IValue());
    }
  };
  for (const auto& [name, tensor] : parts.parameters) add(name, tensor, /*is_buffer=*/false);
  for (const auto& [name, tensor] : parts.buffers) add(name, tensor, /*is_buffer=*/true);
  for (const auto& [name, child] : parts.children) module.register_module(name, child);
}

}  // namespace

torch::jit::Module compose(const std::string& name, const ScriptParts& parts, const std::string& source) {
  torch::jit::Module module = script_module(name);
  add_parts(module, parts);
  if (!source.empty()) module.define(source);
  return module;
}

void replace_parts(torch::jit::Module& module, const std::vector<std::string>& removed, const ScriptParts& parts) {
  for (const std::string& name : removed) {
    if (!module.hasattr(name)) continue;
    module._ivalue()->unsafeRemoveAttr(name);
    module.type()->unsafeRemoveAttribute(name);
  }
  add_parts(module, parts);
}

void set_tensor(torch::jit::Module& module, const std::string& name, const at::Tensor& tensor) {
  if (!module.hasattr(name) || !module.attr(name).isTensor()) {
    throw Error("ERR_INVALID_ARG_VALUE", "module: expected a parameter or buffer \"" + name + "\", found none");
  }
  module.setattr(name, tensor);
}

namespace {

/// What is compiled elsewhere still points to the method, so that code must not run any more before it is recompiled.
void remove_method(torch::jit::Module& module, const torch::jit::Function& method) {
  const std::string name = method.name();
  const c10::QualifiedName qualified_name = method.qualname();
  module.type()->unsafeRemoveMethod(name);
  module._ivalue()->compilation_unit()->unsafeRemoveMethod(qualified_name);
}

}  // namespace

void redefine(torch::jit::Module& module, const std::string& source) {
  for (const torch::jit::Function* method : std::vector(module.type()->methods())) remove_method(module, *method);
  module.define(source);
}

void recompile(torch::jit::Module& module) {
  for (torch::jit::Function* method : std::vector(module.type()->methods())) {
    const auto graph = torch::jit::toGraphFunction(*method).graph()->copy();
    const c10::FunctionSchema schema = method->getSchema();
    const c10::QualifiedName name = method->qualname();
    remove_method(module, *method);
    torch::jit::Function* fresh = module._ivalue()->compilation_unit()->create_function(name, graph);
    fresh->setSchema(schema);
    module.type()->addMethod(fresh);
  }
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

bool takes_task_labels(const torch::jit::Module& module) {
  const auto forward = module.find_method("forward");
  if (!forward) return false;
  const auto& arguments = forward->function().getSchema().arguments();
  const size_t labels = 2;  // behind self and the input
  return arguments.size() > labels && !arguments[labels].default_value() &&
         c10::TensorType::get()->isSubtypeOf(*arguments[labels].type());
}

}  // namespace continual
