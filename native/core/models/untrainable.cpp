#include "core/models/untrainable.h"

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

/// The dimensions of a constant tensor of fractions; -1 of anything else.
int64_t dimensions(const Node& node) {
  if (node.kind() != torch::jit::prim::Constant) return -1;
  const auto value = torch::jit::toIValue(node.output());
  const bool holds = value && value->isTensor() && value->toTensor().is_floating_point();
  return holds ? value->toTensor().dim() : -1;
}

/// A matrix or more, or what an operator calls its weight, as normalizations do. Other vectors may be what normalizes
/// inputs, of which no gradient is wanted.
bool has_weight(const Node& node) {
  if (dimensions(node) > 1) return true;
  const auto* schema = node.maybeSchema();
  if (schema == nullptr) return false;
  for (size_t i = 0; i < node.inputs().size() && i < schema->arguments().size(); ++i) {
    if (schema->arguments()[i].name() == "weight" && dimensions(*node.input(i)->node()) > 0) return true;
  }
  return false;
}

class FixedSearch {
 public:
  FixedSearch(const torch::jit::Module& module, bool is_frozen) : type_(module.type()), is_frozen_(is_frozen) {}

  bool has(Fixed reason) const { return reason == Fixed::kFrozen ? weights_ : quantized_; }

  void visit(torch::jit::Function& function) {
    auto* of_graph = torch::jit::tryToGraphFunction(function);
    if (of_graph != nullptr && seen_.insert(of_graph).second) visit(*of_graph->graph()->block());
  }

 private:
  void visit(Block& block) {
    for (Node* node : block.nodes()) {
      quantized_ = quantized_ || is_quantized(*node);
      weights_ = weights_ || (is_frozen_ && has_weight(*node));
      for (Block* inner : node->blocks()) visit(*inner);
      if (node->kind() == torch::jit::prim::CallMethod && node->input(0)->type() == type_) {
        visit(type_->getMethod(node->s(torch::jit::attr::name)));
      }
      if (node->kind() != torch::jit::prim::CallFunction) continue;
      if (const auto type = node->input(0)->type()->cast<c10::FunctionType>()) visit(*type->function());
    }
  }

  c10::ClassTypePtr type_;
  bool is_frozen_;
  bool quantized_ = false;
  bool weights_ = false;
  std::unordered_set<torch::jit::Function*> seen_;
};

}  // namespace

std::vector<UntrainablePart> untrainable_parts(const torch::jit::Module& root) {
  // Where there is a mode, or a parameter, constants may never have been weights. torch.jit.freeze takes both away,
  // unless it is told to leave one.
  const bool is_frozen = !root.hasattr("training") || root.named_parameters().size() == 0;
  std::vector<UntrainablePart> found;
  for (const auto& module : root.named_modules()) {
    FixedSearch search(module.value, is_frozen);
    const auto forward = module.name.empty() ? root.find_method("forward") : std::nullopt;
    // What else the outermost module can do is no part of training; of others any method may be called.
    if (forward) search.visit(forward->function());
    else
      for (torch::jit::Function* method : module.value.type()->methods()) search.visit(*method);
    for (const Fixed reason : {Fixed::kFrozen, Fixed::kQuantized}) {
      if (search.has(reason)) found.push_back({module.name, reason});
    }
  }
  return found;
}

}  // namespace continual
