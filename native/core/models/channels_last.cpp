#include "core/models/channels_last.h"

#include <unordered_set>

#include "core/overrides/ordered_masks.h"

namespace continual {
namespace {

using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

using Names = std::unordered_set<std::string>;

/// Give a tensor of their own, never one that shares memory with another.
const Names kFresh{"conv2d",     "_convolution", "batch_norm", "linear",      "addmm",     "add",       "sub",
                   "mul",        "div",          "relu",       "leaky_relu",  "gelu",      "silu",      "elu",
                   "hardtanh",   "relu6",        "hardswish",  "hardsigmoid", "sigmoid",   "tanh",      "softplus",
                   "max_pool2d", "avg_pool2d",   "cat",        "mean",        "softmax",   "log_softmax", "group_norm",
                   "layer_norm", "matmul",       "mm",         "adaptive_avg_pool2d", "adaptive_max_pool2d",
                   "constant_pad_nd", "upsample_nearest2d", "upsample_bilinear2d"};
/// May give a view of their input, which as an image need not lie as a view of another shape wants it.
const Names kViews{"view", "reshape", "flatten"};
const Names kOthers{"contiguous", "detach", "dropout", "feature_dropout", "dropout_", "relu_", "hardtanh_", "relu6_",
                    "leaky_relu_", "add_", "silu_", "hardswish_", "squeeze", "unsqueeze"};

/// Tell how a tensor lies in memory.
const Names kLayouts{"stride", "sym_stride", "is_contiguous", "sym_is_contiguous", "is_strides_like_format"};

bool is_tensor(const Value* value) { return value->type()->isSubtypeOf(*c10::TensorType::get()); }
bool is_list(const Value* value) { return value->type()->isSubtypeOf(*c10::ListType::ofTensors()); }

bool gives_lists(const Node& node) { return std::any_of(node.outputs().begin(), node.outputs().end(), is_list); }
bool gives_tensors(const Node& node) {
  return gives_lists(node) || std::any_of(node.outputs().begin(), node.outputs().end(), is_tensor);
}

std::string name_of(const Node& node) { return node.kind().toUnqualString(); }

bool is_one_of(const Names& names, const Node& node) { return node.kind().is_aten() && names.count(name_of(node)) > 0; }

bool is_in_loop(const Node& node) {
  const Node* around = node.owningBlock()->owningNode();
  return around != nullptr && (around->kind() == c10::prim::Loop || is_in_loop(*around));
}

/// Whether a view of the value, under whichever name, may be there when `change` comes.
bool may_be_viewed_before(const Value& value, const Node& change) {
  return std::any_of(value.uses().begin(), value.uses().end(), [&](const torch::jit::Use& use) {
    const Node& user = *use.user;
    if (is_one_of(kFresh, user) || (user.kind().is_aten() && !gives_tensors(user))) return false;
    if (is_one_of(kViews, user)) return !change.isBefore(&user);
    if (is_one_of(kOthers, user) || user.kind() == c10::prim::ListConstruct) {
      return may_be_viewed_before(*user.output(), change);
    }
    if (user.kind() != c10::prim::Return) return true;
    const Node* choice = user.owningBlock()->owningNode();
    return choice != nullptr && may_be_viewed_before(*choice->outputs()[use.offset], change);
  });
}

bool is_set_anywhere(const Graph& graph, const std::string& attribute);

/// What changes a tensor in place must not reach it through a view that may have become a copy.
bool changes_in_place_only_what_is_fresh(const Node& node) {
  const torch::jit::Operator* schema = node.maybeOperator();
  if (schema == nullptr || !schema->schema().is_mutable()) return true;
  const Value* self = node.inputs().at(0);
  if (self->node()->kind() == c10::prim::GetAttr) {
    return !is_set_anywhere(*node.owningGraph(), self->node()->s(c10::attr::name));
  }
  return is_one_of(kFresh, *self->node()) && !is_in_loop(node) && !may_be_viewed_before(*self, node);
}

/// Reading attributes, choosing by them, and lists of tensors; calls have been inlined.
bool is_known(const Node& node) {
  const auto kind = node.kind();
  if (kind == c10::prim::GetAttr || kind == c10::prim::Constant || kind == c10::prim::If ||
      kind == c10::prim::ListConstruct) {
    return true;
  }
  if (kind == c10::prim::Loop || kind == c10::prim::CallMethod || kind == c10::prim::CallFunction) {
    return kind == c10::prim::Loop && !gives_tensors(node);
  }
  if (!changes_in_place_only_what_is_fresh(node)) return false;
  if (!gives_tensors(node)) return (kind.is_aten() && !is_one_of(kLayouts, node)) || kind.is_prim();
  return !gives_lists(node) && (is_one_of(kFresh, node) || is_one_of(kViews, node) || is_one_of(kOthers, node));
}

template <typename Block, typename Visit>
void each_node(Block& block, const Visit& visit) {
  for (auto* node : block.nodes()) {
    visit(*node);
    for (auto* inner : node->blocks()) each_node(*inner, visit);
  }
}

bool is_set_anywhere(const Graph& graph, const std::string& attribute) {
  bool is_set = false;
  each_node(*graph.block(), [&](const Node& node) {
    is_set |= node.kind() == c10::prim::SetAttr && node.s(c10::attr::name) == attribute;
  });
  return is_set;
}

void make_contiguous(Graph& graph, Node& user, size_t input) {
  const torch::jit::WithInsertPoint before(&user);
  user.replaceInput(input, graph.insert(c10::aten::contiguous, {user.input(input)}));
}

}  // namespace

bool may_run_channels_last(const Graph& graph) {
  bool convolves = false;
  bool all_known = true;
  each_node(*graph.block(), [&](const Node& node) {
    convolves |= node.kind() == c10::aten::conv2d || node.kind() == c10::aten::_convolution;
    all_known = all_known && is_known(node);
  });
  return convolves && all_known && graph.outputs().size() == 1 && is_tensor(graph.outputs()[0]);
}

void prepare_for_channels_last(Graph& graph) {
  std::vector<Node*> views;
  each_node(*graph.block(), [&](Node& node) {
    if (node.kind() == c10::aten::view) views.push_back(&node);
  });
  for (Node* view : views) make_contiguous(graph, *view, 0);
  make_contiguous(graph, *graph.return_node(), 0);
}

bool gains_from_channels_last(const at::Tensor& input) {
  return input.dim() == 4 && input.device().is_cpu() && input.scalar_type() == at::kFloat &&
         input.layout() == at::kStrided && are_channels_put_last() && at::globalContext().userEnabledMkldnn();
}

}  // namespace continual
