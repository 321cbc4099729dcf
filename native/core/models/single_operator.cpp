#include "core/models/single_operator.h"

#include "core/compute/work_size.h"

namespace continual {
namespace {

bool only_prepares(const torch::jit::Node& node) {
  return node.kind() == c10::prim::Constant || node.kind() == c10::prim::GetAttr ||
         node.kind() == c10::prim::ListConstruct;
}

/// A constant, or a list of integer constants: strides and paddings.
std::optional<c10::IValue> constant_of(const torch::jit::Value* value) {
  const torch::jit::Node& node = *value->node();
  if (node.kind() == c10::prim::Constant) return torch::jit::toIValue(value);
  if (node.kind() != c10::prim::ListConstruct) return std::nullopt;
  c10::List<int64_t> list;
  for (const torch::jit::Value* item : node.inputs()) {
    const auto constant = constant_of(item);
    if (!constant || !constant->isInt()) return std::nullopt;
    list.push_back(constant->toInt());
  }
  return list;
}

}  // namespace

std::optional<SingleOperator::Source> SingleOperator::source_of(const torch::jit::Value* value,
                                                                const torch::jit::Graph& graph,
                                                                const torch::jit::Module& module) {
  if (value == graph.inputs()[1]) return Source{Source::Kind::kInput};
  const torch::jit::Node& node = *value->node();
  if (node.kind() == c10::prim::GetAttr && node.input() == graph.inputs()[0]) {
    const auto slot = module.type()->findAttributeSlot(node.s(c10::attr::name));
    if (slot) return Source{Source::Kind::kAttribute, *slot};
  }
  if (auto constant = constant_of(value)) return Source{Source::Kind::kConstant, 0, std::move(*constant)};
  return std::nullopt;
}

std::optional<SingleOperator> SingleOperator::of(const torch::jit::Module& module) {
  const auto forward = module.find_method("forward");
  const auto* function = forward ? torch::jit::tryToGraphFunction(forward->function()) : nullptr;
  if (function == nullptr) return std::nullopt;
  const std::shared_ptr<torch::jit::Graph> graph = function->graph();
  if (graph->inputs().size() != 2 || graph->outputs().size() != 1) return std::nullopt;
  if (graph->inputs()[1]->type()->kind() != c10::TypeKind::TensorType) return std::nullopt;
  const torch::jit::Node* call = graph->outputs()[0]->node();
  if (!call->kind().is_aten() || call->outputs().size() != 1 || !call->blocks().empty()) return std::nullopt;
  for (const torch::jit::Node* node : graph->nodes()) {
    if (node != call && !only_prepares(*node)) return std::nullopt;
  }
  SingleOperator result;
  result.object_ = module._ivalue();
  for (const torch::jit::Value* value : call->inputs()) {
    auto source = source_of(value, *graph, module);
    if (!source) return std::nullopt;
    result.sources_.push_back(std::move(*source));
  }
  result.operation_ = call->getOperation();
  return result;
}

bool SingleOperator::is_large(const at::Tensor& input) const {
  if (is_large_pass(input.numel())) return true;
  for (const Source& source : sources_) {
    if (source.kind != Source::Kind::kAttribute) continue;
    const c10::IValue& weight = object_->getSlot(source.slot);
    if (!weight.isTensor() || !weight.toTensor().defined()) continue;
    if (is_large_product(input, weight.toTensor())) return true;
  }
  return false;
}

c10::IValue SingleOperator::operator()(const at::Tensor& input) {
  torch::jit::Stack stack;
  stack.reserve(sources_.size());
  for (const Source& source : sources_) {
    switch (source.kind) {
      case Source::Kind::kInput: stack.emplace_back(input); break;
      case Source::Kind::kAttribute: stack.emplace_back(object_->getSlot(source.slot)); break;
      case Source::Kind::kConstant: stack.emplace_back(source.constant); break;
    }
  }
  operation_(stack);
  return std::move(stack.front());
}

}  // namespace continual
