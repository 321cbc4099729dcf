// What a node of an autograd graph does with samples that its output keeps apart.
#pragma once

#include <torch/csrc/autograd/function.h>

#include "core/regularization/sample_gradients/shared_tensor.h"

namespace continual {

/// One version of libtorch counts the owners of a node in another way than the next.
using NodePointer = decltype(torch::autograd::Edge::function);

/// A node on the way from the output to the parameters, seen from an output of its operator: gradients of sample k are zero
/// there but where `axis` says sample k. A rule says for each input whether that holds there too, or all samples share it.
class Passage {
 public:
  Passage(NodePointer node, size_t output, SampleAxis axis);

  const NodePointer& node() const { return node_; }
  /// null where it is of another class.
  template <typename Class>
  const Class* as() const {
    return dynamic_cast<const Class*>(node_.get());
  }
  size_t output() const { return output_; }
  const SampleAxis& axis() const { return axis_; }
  at::IntArrayRef sizes() const { return sizes_; }
  int64_t dims() const { return static_cast<int64_t>(sizes_.size()); }
  /// The dimension in which the samples lie; -1 where there is none.
  int64_t dim() const { return place_ ? place_->dim : -1; }
  const SampleAxis::Place& place() const { return *place_; }

  /// Whether gradients go on to an input; there are `inputs()`.
  bool has(size_t input) const;
  size_t inputs() const { return node_->num_outputs(); }
  std::vector<int64_t> sizes_of(size_t input) const;

  /// Rules call these, and end with false where one of them gives it, or where they know no better.
  bool keeps(size_t input, const SampleAxis& axis);
  /// Of an input that has in dimension `dim` what the output has in its own.
  bool keeps(size_t input, int64_t dim);
  using Make = std::function<SampleGradientsPointer(const at::Tensor& delta)>;
  /// `make` gets the gradient of the output, in float32 where it comes in half precision.
  bool shares(size_t input, Make make);
  /// Of an input that is broadcast to the output's shape, by `factor`, which takes the gradient of the output for what it
  /// would be without broadcasting; null: not known where samples share it.
  using Factor = std::function<at::Tensor(const at::Tensor& delta)>;
  bool broadcasts(size_t input, Factor factor = nullptr);

  struct Kept {
    size_t input;
    SampleAxis axis;
  };
  struct Shared {
    size_t input;
    Make make;
  };
  const std::vector<Kept>& kept() const { return kept_; }
  const std::vector<Shared>& shared() const { return shared_; }

 private:
  NodePointer node_;
  size_t output_;
  SampleAxis axis_;
  std::vector<int64_t> sizes_;
  std::optional<SampleAxis::Place> place_;
  std::vector<Kept> kept_;
  std::vector<Shared> shared_;
};

/// Of an output of a node. Nothing for nested tensors.
std::optional<std::vector<int64_t>> sizes_of_output(const torch::autograd::Node& node, size_t output);

/// In the dtype in which numbers of this one are summed up.
at::Tensor widened(const at::Tensor& tensor);

/// factor * tensor, the tensor itself where that is 1. Real factors.
at::Tensor scaled(const at::Tensor& tensor, const at::Scalar& factor);

/// False where nothing is known of this node. Throws ERR_SAMPLES_MEET where samples are normalised with one another.
bool follow(Passage& passage);

using Rule = std::function<bool(Passage&)>;
using Rules = std::unordered_map<std::string, Rule>;

/// By the name of the node: of operators that move, combine or reduce elements, and of layers with parameters.
Rules element_rules();
Rules layer_rules();

}  // namespace continual
