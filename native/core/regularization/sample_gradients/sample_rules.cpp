#include "core/regularization/sample_gradients/sample_rules.h"

#include <ATen/OpMathType.h>

namespace continual {
namespace {

const Rules& all_rules() {
  static const Rules all = [] {
    Rules rules = element_rules();
    rules.merge(layer_rules());
    return rules;
  }();
  return all;
}

}  // namespace

std::optional<std::vector<int64_t>> sizes_of_output(const torch::autograd::Node& node, size_t output) {
  if (output >= node.num_inputs()) return std::nullopt;
  const auto& metadata = node.input_metadata(output);
  if (metadata.is_nested_tensor()) return std::nullopt;
  std::vector<int64_t> sizes;
  for (const c10::SymInt& size : metadata.shape_as_dim_vector()) sizes.push_back(size.guard_int(__FILE__, __LINE__));
  return sizes;
}

at::Tensor widened(const at::Tensor& tensor) {
  return tensor.detach().to(at::toOpMathType(tensor.scalar_type()));
}

at::Tensor scaled(const at::Tensor& tensor, const at::Scalar& factor) {
  return factor.equal(1) ? tensor : tensor * factor;
}

bool follow(Passage& passage) {
  const auto found = all_rules().find(passage.node()->name());
  return found != all_rules().end() && found->second(passage);
}

Passage::Passage(NodePointer node, size_t output, SampleAxis axis)
    : node_(std::move(node)), output_(output), axis_(axis), sizes_(sizes_of_output(*node_, output).value()) {
  place_ = axis_.in(sizes_);
}

bool Passage::has(size_t input) const { return input < node_->num_outputs() && node_->next_edge(input).is_valid(); }

std::vector<int64_t> Passage::sizes_of(size_t input) const {
  const torch::autograd::Edge& edge = node_->next_edge(input);
  return sizes_of_output(*edge.function, edge.input_nr).value();
}

bool Passage::keeps(size_t input, const SampleAxis& axis) {
  if (has(input)) kept_.push_back({input, axis});
  return true;
}

bool Passage::keeps(size_t input, int64_t dim) {
  if (!has(input)) return true;
  const std::vector<int64_t> sizes = sizes_of(input);
  if (!place_ || dim < 0 || dim >= static_cast<int64_t>(sizes.size()) || sizes[dim] != sizes_[place_->dim]) return false;
  int64_t inner = place_->within;
  for (size_t after = dim + 1; after < sizes.size(); ++after) inner *= sizes[after];
  return keeps(input, SampleAxis{axis_.samples, inner});
}

bool Passage::shares(size_t input, Make make) {
  if (!has(input)) return true;
  const torch::autograd::Edge& edge = node_->next_edge(input);
  const auto dtype = [](const torch::autograd::Node& node, size_t output) { return node.input_metadata(output).dtype(); };
  if (dtype(*edge.function, edge.input_nr) != dtype(*node_, output_)) return false;
  shared_.push_back({input, std::move(make)});
  return true;
}

bool Passage::broadcasts(size_t input, Factor factor) {
  if (!has(input)) return true;
  if (!place_) return false;
  const std::vector<int64_t> sizes = sizes_of(input);
  const int64_t missing = dims() - static_cast<int64_t>(sizes.size());
  const int64_t dim = place_->dim - missing;
  if (dim >= 0 && sizes[dim] != 1) return keeps(input, dim);
  if (!factor) return false;
  return shares(input, [axis = axis_, sizes, factor = std::move(factor)](const at::Tensor& delta) {
    return given_gradients(axis.sums(factor(delta), sizes));
  });
}

}  // namespace continual
