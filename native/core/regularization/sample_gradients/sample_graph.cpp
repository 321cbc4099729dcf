#include "core/regularization/sample_gradients/sample_graph.h"

#include <ATen/WrapDimUtils.h>
#include <torch/csrc/autograd/functions/accumulate_grad.h>
#include <torch/csrc/autograd/generated/Functions.h>

#include <queue>
#include <unordered_set>

namespace continual {
namespace {

using torch::autograd::AccumulateGrad;
using torch::autograd::Edge;
using torch::autograd::Node;

/// Whoever changes gradients on their way need not do so sample by sample.
bool has_hooks(Node& node) {
  return !node.pre_hooks().empty() || !node.post_hooks().empty() || !node.tensor_pre_hooks().empty();
}

/// Calls `visit` for every node behind an edge, once; ends where it gives false.
bool each_behind(const Edge& edge, const std::function<bool(const Edge& edge)>& visit) {
  std::vector<Edge> open{edge};
  std::unordered_set<const Node*> seen{edge.function.get()};
  while (!open.empty()) {
    const Edge next = open.back();
    open.pop_back();
    if (!visit(next)) return false;
    for (const Edge& behind : next.function->next_edges()) {
      if (behind.is_valid() && seen.insert(behind.function.get()).second) open.push_back(behind);
    }
  }
  return true;
}

}  // namespace

at::Tensor ViewChain::of(at::Tensor tensor, int64_t leading) const {
  for (const View& view : views_) {
    if (view.is_transpose) {
      tensor = tensor.transpose(view.first + leading, view.second + leading);
    } else {
      std::vector<int64_t> sizes(tensor.sizes().begin(), tensor.sizes().begin() + leading);
      sizes.insert(sizes.end(), view.sizes.begin(), view.sizes.end());
      tensor = tensor.view(sizes);
    }
  }
  return tensor;
}

std::optional<SampleGraph> SampleGraph::of(const at::Tensor& output, const IsParameter& is_parameter) {
  SampleGraph graph;
  graph.is_parameter_ = is_parameter;
  const bool is_proven = graph.walk(torch::autograd::impl::gradient_edge(output), output.size(0));
  return is_proven && graph.are_uses_apart() ? std::optional(std::move(graph)) : std::nullopt;
}

/// Consumers before what they consume, so that all that is known of a node's outputs is known when it is its turn.
bool SampleGraph::walk(const Edge& root, int64_t samples) {
  const std::optional<std::vector<int64_t>> sizes = sizes_of_output(*root.function, root.input_nr);
  if (!sizes || sizes->empty() || samples == 0) return false;
  const int64_t numel = c10::multiply_integers(*sizes);
  if (numel == 0 || !enter(root, {samples, numel / samples})) return false;

  const auto is_behind = [](const NodePointer& a, const NodePointer& b) { return a->topological_nr() < b->topological_nr(); };
  std::priority_queue<NodePointer, std::vector<NodePointer>, decltype(is_behind)> open(is_behind);
  std::unordered_set<const Node*> queued;
  const auto queue = [&](const NodePointer& node) {
    if (queued.insert(node.get()).second) open.push(node);
  };
  queue(root.function);
  while (!open.empty()) {
    const NodePointer node = open.top();
    open.pop();
    if (const auto* leaf = dynamic_cast<const AccumulateGrad*>(node.get())) {
      if (is_parameter_(leaf->variable)) return false;  // whose rows belong to samples
      continue;
    }
    if (has_hooks(*node)) return false;
    const std::vector<std::optional<SampleAxis>> axes = axes_.at(node.get());
    for (size_t output = 0; output < axes.size(); ++output) {
      if (!axes[output]) continue;
      Passage passage(node, output, *axes[output]);
      if (!follow(passage)) return false;
      for (const auto& [input, axis] : passage.kept()) {
        if (!enter(node->next_edge(input), axis)) return false;
        queue(node->next_edge(input).function);
      }
      for (const auto& [input, make] : passage.shared()) {
        uses_.push_back({node->next_edge(input), Edge(node, static_cast<uint32_t>(output)), make});
      }
    }
  }
  return true;
}

bool SampleGraph::enter(const Edge& edge, const SampleAxis& axis) {
  if (!sizes_of_output(*edge.function, edge.input_nr)) return false;
  auto& axes = axes_[edge.function.get()];
  if (axes.empty()) axes.resize(edge.function->num_inputs());
  std::optional<SampleAxis>& known = axes[edge.input_nr];
  if (known && !(*known == axis)) return false;
  known = axis;
  return true;
}

/// What all samples read is not made of what one of them has made.
bool SampleGraph::are_uses_apart() const {
  return std::all_of(uses_.begin(), uses_.end(), [&](const SharedUse& use) {
    return each_behind(use.tensor, [&](const Edge& edge) { return axes_.count(edge.function.get()) == 0; });
  });
}

std::vector<SampleGraph::Leaf> SampleGraph::leaves(const SharedUse& use) const {
  std::vector<Leaf> leaves;
  each_behind(use.tensor, [&](const Edge& edge) {
    const auto* leaf = dynamic_cast<const AccumulateGrad*>(edge.function.get());
    if (leaf != nullptr && is_parameter_(leaf->variable)) leaves.push_back({leaf->variable, edge});
    return true;
  });
  return leaves;
}

std::optional<ViewChain> SampleGraph::view_of_leaf(const SharedUse& use) {
  using namespace torch::autograd::generated;
  static const std::unordered_set<std::string> reshapes = {"ViewBackward0", "UnsqueezeBackward0", "SqueezeBackward1",
                                                           "UnsafeViewBackward0", "ReshapeAliasBackward0"};
  ViewChain chain;
  Edge edge = use.tensor;
  while (dynamic_cast<const AccumulateGrad*>(edge.function.get()) == nullptr) {
    Node& node = *edge.function;
    const std::vector<int64_t> sizes = sizes_of_output(node, edge.input_nr).value();
    if (node.num_outputs() != 1 || has_hooks(node)) return std::nullopt;
    if (dynamic_cast<const TBackward0*>(&node) != nullptr && sizes.size() == 2) {
      chain.begin_with_transpose(0, 1);
    } else if (const auto* transposed = dynamic_cast<const TransposeBackward0*>(&node)) {
      const auto dims = static_cast<int64_t>(sizes.size());
      chain.begin_with_transpose(at::maybe_wrap_dim(transposed->dim0, dims), at::maybe_wrap_dim(transposed->dim1, dims));
    } else if (reshapes.count(node.name()) != 0) {
      chain.begin_with_reshape(sizes);
    } else {
      return std::nullopt;
    }
    edge = node.next_edge(0);
  }
  return chain;
}

}  // namespace continual
