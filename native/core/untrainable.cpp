#include "core/untrainable.h"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include <string_view>
#include <unordered_set>

namespace continual {
namespace {

using torch::jit::Block;
using torch::jit::Node;

/// `quantized::linear`, `aten::quantize_per_tensor`, `aten::quantized_lstm`; not the fake quantization of training.
bool is_quantized(const Node& node) {
  const auto kind = node.kind();
  if (std::string_view(kind.ns().toUnqualString()) == "quantized") return true;
  return kind.is_aten() && std::string_view(kind.toUnqualString()).starts_with("quantize");
}

/// A matrix or more of fractions: what normalizes inputs is smaller.
bool is_weight(const Node& node) {
  if (node.kind() != torch::jit::prim::Constant) return false;
  const auto value = torch::jit::toIValue(node.output());
  return value && value->isTensor() && value->toTensor().is_floating_point() && value->toTensor().dim() > 1;
}

class FixedSearch {
 public:
  explicit FixedSearch(bool is_frozen) : is_frozen_(is_frozen) {}

  bool has(Fixed reason) const { return reason == Fixed::kFrozen ? weights_ : quantized_; }

  void visit(torch::jit::Function& function) {
    auto* of_graph = torch::jit::tryToGraphFunction(function);
    if (of_graph != nullptr && seen_.insert(of_graph).second) visit(*of_graph->graph()->block());
  }

 private:
  void visit(Block& block) {
    for (Node* node : block.nodes()) {
      quantized_ = quantized_ || is_quantized(*node);
      weights_ = weights_ || (is_frozen_ && is_weight(*node));
      for (Block* inner : node->blocks()) visit(*inner);
      if (node->kind() != torch::jit::prim::CallFunction) continue;
      if (const auto type = node->input(0)->type()->cast<c10::FunctionType>()) visit(*type->function());
    }
  }

  bool is_frozen_;
  bool quantized_ = false;
  bool weights_ = false;
  std::unordered_set<torch::jit::Function*> seen_;
};

}  // namespace

std::vector<UntrainablePart> untrainable_parts(const torch::jit::Module& root) {
  // A module without a mode has gone through torch.jit.freeze. Others may have constants that were never weights.
  const bool is_frozen = !root.hasattr("training");
  std::vector<UntrainablePart> found;
  for (const auto& module : root.named_modules()) {
    FixedSearch search(is_frozen);
    for (torch::jit::Function* method : module.value.type()->methods()) search.visit(*method);
    for (const Fixed reason : {Fixed::kFrozen, Fixed::kQuantized}) {
      if (search.has(reason)) found.push_back({module.name, reason});
    }
  }
  return found;
}

}  // namespace continual
