#include "core/script_module.h"

#include <torch/csrc/jit/frontend/resolver.h>
#include <torch/csrc/jit/frontend/sugared_value.h>

namespace continual {

torch::jit::Module script_module(const std::string& name) {
  torch::jit::Module module(c10::QualifiedName("__torch__.continual_torch.nn." + name),
                            std::make_shared<torch::jit::CompilationUnit>(), /*shouldMangle=*/true);
  module.register_attribute("training", c10::BoolType::get(), true);
  return module;
}

torch::jit::Module compose(const std::string& name,
                           const std::vector<std::pair<std::string, torch::jit::Module>>& children,
                           const std::string& source) {
  torch::jit::Module module = script_module(name);
  for (const auto& [child_name, child] : children) module.register_module(child_name, child);
  module.define(source);
  return module;
}

// A method that is replaced leaves its class but not its compilation unit: compiled code elsewhere still points to it.

void redefine(torch::jit::Module& module, const std::string& source) {
  const c10::ClassTypePtr type = module.type();
  const auto unit = module._ivalue()->compilation_unit();
  for (const torch::jit::Function* method : std::vector(type->methods())) type->unsafeRemoveMethod(method->name());
  const torch::jit::SimpleSelf self(type);
  const c10::QualifiedName unused = unit->mangle(c10::QualifiedName(*type->name(), "forward"));
  unit->define(c10::QualifiedName(unused.prefix()), source, torch::jit::nativeResolver(), &self);
}

void recompile(torch::jit::Module& module) {
  const c10::ClassTypePtr type = module.type();
  const auto unit = module._ivalue()->compilation_unit();
  for (torch::jit::Function* method : std::vector(type->methods())) {
    const auto graph = torch::jit::toGraphFunction(*method).graph()->copy();
    torch::jit::Function* fresh = unit->create_function(method->qualname(), graph, /*shouldMangle=*/true);
    fresh->setSchema(method->getSchema());
    type->unsafeRemoveMethod(method->name());
    type->addMethod(fresh);
  }
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
