#include "core/models/frozen_modes.h"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>

namespace continual {
namespace {

using torch::jit::Block;
using torch::jit::Node;
using torch::jit::Value;

/// What the argument of an operator is, where it is a constant.
std::optional<c10::IValue> constant(const Node& node, const char* argument) {
  const c10::FunctionSchema& schema = node.schema();
  const auto index = schema.argumentIndexWithName(argument);
  if (!index || static_cast<size_t>(*index) >= node.inputs().size()) return std::nullopt;
  const Value* value = node.input(static_cast<size_t>(*index));
  if (value->type()->kind() == c10::TypeKind::NoneType) return c10::IValue();  // an attribute that is never set, too
  return torch::jit::toIValue(value);
}

bool is_none(const Node& node, const char* argument) {
  const auto value = constant(node, argument);
  return value && value->isNone();
}

bool is_zero(const Node& node, const char* argument) {
  const auto value = constant(node, argument);
  return value && value->isDouble() && value->toDouble() == 0;
}

/// Statistics of a batch whatever the mode, or dropout of nothing.
bool has_no_mode(const Node& node) {
  return is_none(node, "running_mean") || is_zero(node, "p") || is_zero(node, "dropout");
}

std::optional<bool> constant_mode(const Node& node) {
  for (const char* argument : {"train", "training", "use_input_stats"}) {
    const auto value = constant(node, argument);
    if (value && value->isBool() && !has_no_mode(node)) return value->toBool();
  }
  // No flag: attention drops out in eval mode with a probability of 0, which a model without dropout does too.
  const auto dropout = constant(node, "dropout_p");
  if (dropout && dropout->isDouble() && dropout->toDouble() > 0) return true;
  return std::nullopt;
}

class Search {
 public:
  std::vector<FrozenMode> of(const torch::jit::Module& root) {
    for (const auto& module : root.named_modules()) {
      for (torch::jit::Function* method : module.value.type()->methods()) {
        auto* function = torch::jit::tryToGraphFunction(*method);
        if (function == nullptr) continue;
        module_ = module.name;
        // Functions such as torch.nn.functional.dropout pass the mode on that they are called with.
        const auto graph = function->graph()->copy();
        inline_functions(*graph->block());
        visit(*graph->block());
      }
    }
    return std::move(found_);
  }

 private:
  static void inline_functions(Block& block) {
    for (auto at = block.nodes().begin(); at != block.nodes().end();) {
      Node* node = *at++;
      for (Block* inner : node->blocks()) inline_functions(*inner);
      if (node->kind() != torch::jit::prim::CallFunction) continue;
      const auto type = node->input(0)->type()->cast<c10::FunctionType>();
      auto* function = type ? torch::jit::tryToGraphFunction(*type->function()) : nullptr;
      if (function == nullptr) continue;
      node->removeInput(0);
      const auto callee = function->graph()->copy();
      inline_functions(*callee->block());
      torch::jit::inlineCallTo(node, function, callee.get());
    }
  }

  void visit(Block& block) {
    for (Node* node : block.nodes()) {
      for (Block* inner : node->blocks()) visit(*inner);
      if (node->maybeSchema() == nullptr) continue;
      if (const auto mode = constant_mode(*node)) add(node->kind().toUnqualString(), *mode);
    }
  }

  /// Once for each module: torch.nn.functional.dropout has a branch for each of dropout and dropout_.
  void add(std::string operation, bool train) {
    if (operation.back() == '_') operation.pop_back();
    const bool is_known = std::any_of(found_.begin(), found_.end(), [&](const FrozenMode& known) {
      return known.module == module_ && known.operation == operation && known.train == train;
    });
    if (!is_known) found_.push_back({module_, operation, train});
  }

  std::string module_;
  std::vector<FrozenMode> found_;
};

}  // namespace

std::vector<FrozenMode> frozen_modes(const torch::jit::Module& module) { return Search().of(module); }

}  // namespace continual
