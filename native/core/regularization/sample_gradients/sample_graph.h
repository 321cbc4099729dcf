// The walk from a model's output to its parameters that proves that samples stay apart.
#pragma once

#include <unordered_map>

#include "core/regularization/sample_gradients/sample_rules.h"

namespace continual {

/// A tensor that all samples read, at one place.
struct SharedUse {
  torch::autograd::Edge tensor;  // where its gradient goes
  torch::autograd::Edge output;  // where the gradient of the operator's output arrives
  Passage::Make make;
};

/// Views, one after the other, that lead from a parameter to a tensor that samples read.
class ViewChain {
 public:
  void begin_with_transpose(int64_t first, int64_t second) { views_.insert(views_.begin(), {true, first, second, {}}); }
  void begin_with_reshape(std::vector<int64_t> sizes) { views_.insert(views_.begin(), {false, 0, 0, std::move(sizes)}); }

  /// Of a tensor with `leading` dimensions in front of the parameter's.
  at::Tensor of(at::Tensor tensor, int64_t leading) const;

 private:
  struct View {
    bool is_transpose;
    int64_t first, second;       // dimensions of a transpose
    std::vector<int64_t> sizes;  // of a reshape
  };
  std::vector<View> views_;
};

/// The uses of a graph, and the parameters behind each.
class SampleGraph {
 public:
  /// Nothing where it is not proven. `is_parameter` tells leaves that matter.
  using IsParameter = std::function<bool(const at::Tensor& leaf)>;
  static std::optional<SampleGraph> of(const at::Tensor& output, const IsParameter& is_parameter);

  const std::vector<SharedUse>& uses() const { return uses_; }

  struct Leaf {
    at::Tensor parameter;
    torch::autograd::Edge edge;
  };
  /// The parameters that a used tensor is made of.
  std::vector<Leaf> leaves(const SharedUse& use) const;
  /// Where it is a view of one parameter; nothing otherwise.
  static std::optional<ViewChain> view_of_leaf(const SharedUse& use);

 private:
  bool walk(const torch::autograd::Edge& root, int64_t samples);
  bool enter(const torch::autograd::Edge& edge, const SampleAxis& axis);
  bool are_uses_apart() const;

  std::vector<SharedUse> uses_;
  IsParameter is_parameter_;
  // Of the nodes on the way, by output.
  std::unordered_map<const torch::autograd::Node*, std::vector<std::optional<SampleAxis>>> axes_;
};

}  // namespace continual
