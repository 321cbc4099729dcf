// Gradients of each sample with respect to a tensor that all samples read.
#pragma once

#include "core/regularization/sample_gradients/sample_axis.h"

namespace continual {

/// A function f of each element, with f(a b) = f(a) f(b), real and not negative: the magnitude, or its square.
using Elementwise = std::function<at::Tensor(const at::Tensor& values)>;

/// g_k = d l_k / dU for each sample k, U a tensor that all of them read in one place.
class SampleGradients {
 public:
  virtual ~SampleGradients() = default;

  /// g_k of samples [first, first + count): [count, the shape of U].
  virtual at::Tensor of(int64_t first, int64_t count) const = 0;

  /// Elements of memory that `of` takes for each sample.
  virtual int64_t elements() const = 0;

  /// sum += sum_k f(g_k) where it takes no g_k to be built, `sum` in the shape of U. False, having done nothing, where it
  /// does.
  virtual bool add(const at::Tensor& /*sum*/, const Elementwise& /*f*/) const { return false; }
};

using SampleGradientsPointer = std::unique_ptr<const SampleGradients>;

/// They are at hand: [samples, the shape of U].
SampleGradientsPointer given_gradients(at::Tensor gradients);

/// g_k = left_k^T right_k of [samples, r, m] and [samples, r, n], [m, n]. Where r is 1, sum_k f(g_k) = f(left)^T f(right).
SampleGradientsPointer product_gradients(at::Tensor left, at::Tensor right);

/// Of a table, rows of which are read: `indices` [samples, r], the gradients of what was read [samples, r, width]. Rows
/// that a sample reads several times get the sum. Row `padding` gets none.
SampleGradientsPointer table_gradients(at::Tensor indices, at::Tensor gradients, int64_t rows, int64_t padding);

/// How a convolution's window moves, for each spatial dimension.
struct ConvolutionGeometry {
  std::vector<int64_t> kernel, stride, padding, dilation;
  int64_t groups = 1;
};

/// Of a convolution's weight [m, n / groups, kernel...]: of each sample the correlation of what stands at the window's
/// places, `at_places` [samples, m, places...], with what lies in the windows, `in_windows` [samples, n, ...].
SampleGradientsPointer window_gradients(at::Tensor at_places, at::Tensor in_windows, ConvolutionGeometry geometry);

}  // namespace continual
