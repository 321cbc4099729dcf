#include "core/regularization/sample_gradients/sample_axis.h"

namespace continual {

std::optional<SampleAxis::Place> SampleAxis::in(at::IntArrayRef sizes) const {
  int64_t after = 1;
  for (int64_t dim = static_cast<int64_t>(sizes.size()) - 1; dim >= 0; after *= sizes[dim--]) {
    if (after == 0 || inner % after != 0) return std::nullopt;
    const int64_t within = inner / after;
    if (within > 0 && sizes[dim] > 0 && sizes[dim] % (within * samples) == 0) {
      return Place{dim, sizes[dim] / (within * samples), within};
    }
  }
  return std::nullopt;
}

at::Tensor SampleAxis::apart(const at::Tensor& tensor) const {
  const auto [dim, outer, within] = in(tensor.sizes()).value();
  return tensor.unflatten(dim, {outer, samples, within}).movedim(dim + 1, 0);
}

at::Tensor SampleAxis::rows(const at::Tensor& matrix) const {
  return apart(matrix).reshape({samples, matrix.size(0) / samples, matrix.size(1)});
}

at::Tensor SampleAxis::sums(const at::Tensor& tensor, at::IntArrayRef sizes) const {
  const Place place = in(tensor.sizes()).value();
  const int64_t missing = tensor.dim() - static_cast<int64_t>(sizes.size());
  std::vector<int64_t> summed;
  for (int64_t dim = 0; dim < tensor.dim(); ++dim) {
    const int64_t now = dim < place.dim ? dim + 1 : dim + 2;  // behind the samples, and where `outer` and `within` stand
    if (dim == place.dim) {
      if (place.outer > 1) summed.push_back(dim + 1);
      if (place.within > 1) summed.push_back(dim + 2);
    } else if (tensor.size(dim) > 1 && (dim < missing || sizes[dim - missing] == 1)) {
      summed.push_back(now);
    }
  }
  std::vector<int64_t> shape{samples};
  shape.insert(shape.end(), sizes.begin(), sizes.end());
  const at::Tensor by_sample = apart(tensor);
  return (summed.empty() ? by_sample : by_sample.sum(summed, /*keepdim=*/true)).reshape(shape);
}

}  // namespace continual
