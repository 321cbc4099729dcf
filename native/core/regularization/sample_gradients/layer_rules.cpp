// Operators with parameters: the gradients of each sample, from what autograd has saved of the forward pass.
#include <torch/csrc/autograd/generated/Functions.h>

#include "core/error.h"
#include "core/regularization/sample_gradients/sample_rules.h"

namespace continual {
namespace {

using namespace torch::autograd::generated;

at::Tensor saved(const Passage& passage, const torch::autograd::SavedVariable& variable) {
  return variable.unpack(passage.node()).detach();
}

std::vector<int64_t> integers(const std::vector<c10::SymInt>& numbers) {
  std::vector<int64_t> result;
  for (const c10::SymInt& number : numbers) result.push_back(number.guard_int(__FILE__, __LINE__));
  return result;
}

/// y = factor left right, samples in the rows of `left` and y, or in the columns of `right` and y:
///   dl_k / d right = factor left_k^H delta_k,    dl_k / d left = factor delta_k right_k^H
bool matrix_product(Passage& passage, size_t left, const torch::autograd::SavedVariable& left_value,
                    const torch::autograd::SavedVariable& right_value, const at::Scalar& factor) {
  if (passage.dim() < 0 || factor.isComplex()) return false;
  const auto [dim, outer, within] = passage.place();
  const int64_t samples = passage.axis().samples;
  const size_t right = left + 1;
  if (dim == 0) {
    if (!passage.keeps(left, dim)) return false;
    if (!passage.has(right)) return true;
    return passage.shares(right, [=, axis = passage.axis(), x = saved(passage, left_value)](const at::Tensor& delta) {
      const SampleAxis of_x{samples, within * x.size(1)};
      return product_gradients(of_x.rows(widened(x).conj()), axis.rows(scaled(delta, factor)));
    });
  }
  if (!passage.keeps(right, dim)) return false;
  if (!passage.has(left)) return true;
  return passage.shares(left, [=, x = saved(passage, right_value)](const at::Tensor& delta) {
    const at::Tensor columns = scaled(delta, factor).t();
    const at::Tensor x_columns = widened(x).conj().t();
    return product_gradients(SampleAxis{samples, within * columns.size(1)}.rows(columns),
                             SampleAxis{samples, within * x_columns.size(1)}.rows(x_columns));
  });
}

bool linear(Passage& passage) {
  const auto* node = passage.as<AddmmBackward0>();
  if (node == nullptr || node->beta.isComplex()) return false;
  const auto times_beta = [beta = node->beta](const at::Tensor& delta) { return scaled(delta, beta); };
  return passage.broadcasts(0, times_beta) && matrix_product(passage, 1, node->mat1_, node->mat2_, node->alpha);
}

bool linear_without_bias(Passage& passage) {
  const auto* node = passage.as<MmBackward0>();
  return node != nullptr && matrix_product(passage, 0, node->self_, node->mat2_, 1);
}

/// Sums by sample over all but the channels of [B, C, ...]: [B, C].
at::Tensor by_channel(const SampleAxis& axis, const at::Tensor& values) {
  std::vector<int64_t> sizes(values.dim() - 1, 1);
  sizes[0] = values.size(1);
  return axis.sums(values, sizes).flatten(1);
}

bool bias_of_channels(Passage& passage, size_t input) {
  return passage.shares(input, [axis = passage.axis()](const at::Tensor& delta) {
    return given_gradients(by_channel(axis, delta));
  });
}

bool convolution(Passage& passage) {
  const auto* node = passage.as<ConvolutionBackward0>();
  if (node == nullptr || passage.dim() != 0 || !passage.keeps(0, int64_t{0}) || !bias_of_channels(passage, 2)) {
    return false;
  }
  if (!passage.has(1)) return true;
  const std::vector<int64_t> weight = passage.sizes_of(1);
  ConvolutionGeometry geometry{{weight.begin() + 2, weight.end()}, integers(node->stride), integers(node->padding),
                               integers(node->dilation),           node->groups.guard_int(__FILE__, __LINE__)};
  // The samples in front, several entries of each side by side where `outer` or `within` is not 1.
  if (passage.place().outer != 1 || passage.place().within != 1) return false;
  return passage.shares(1, [geometry = std::move(geometry), is_transposed = node->transposed,
                            x = saved(passage, node->input_)](const at::Tensor& delta) {
    const at::Tensor input = widened(x).conj();
    return is_transposed ? window_gradients(input, delta, geometry) : window_gradients(delta, input, geometry);
  });
}

/// delta times the normalised input, [samples, features], and delta itself, for weight and bias.
bool scale_and_shift(Passage& passage, const Passage::Factor& normalised,
                     const std::function<at::Tensor(const at::Tensor&)>& sums) {
  return passage.shares(1, [=](const at::Tensor& delta) { return given_gradients(sums(delta * normalised(delta))); }) &&
         passage.shares(2, [=](const at::Tensor& delta) { return given_gradients(sums(delta)); });
}

bool layer_norm(Passage& passage) {
  const auto* node = passage.as<NativeLayerNormBackward0>();
  if (node == nullptr || passage.output() != 0) return false;
  const std::vector<int64_t> shape = integers(node->normalized_shape);
  if (passage.dim() < 0 || passage.dim() >= passage.dims() - static_cast<int64_t>(shape.size())) return false;
  if (!passage.keeps(0, passage.dim())) return false;
  const auto normalised = [x = saved(passage, node->input_), mean = saved(passage, node->result1_),
                           rstd = saved(passage, node->result2_)](const at::Tensor&) {
    return (widened(x) - widened(mean)) * widened(rstd);
  };
  return scale_and_shift(passage, normalised, [axis = passage.axis(), shape](const at::Tensor& values) {
    return axis.sums(values, shape);
  });
}

bool group_norm(Passage& passage) {
  const auto* node = passage.as<NativeGroupNormBackward0>();
  if (node == nullptr || passage.output() != 0 || passage.dim() != 0 || !passage.keeps(0, int64_t{0})) return false;
  const auto normalised = [x = saved(passage, node->input_), mean = saved(passage, node->result1_),
                           rstd = saved(passage, node->result2_)](const at::Tensor&) {
    const at::Tensor groups = widened(x).reshape({x.size(0), mean.size(1), -1});
    return ((groups - widened(mean).unsqueeze(2)) * widened(rstd).unsqueeze(2)).view(x.sizes());
  };
  return scale_and_shift(passage, normalised, [axis = passage.axis()](const at::Tensor& values) {
    return by_channel(axis, values);
  });
}

/// With the statistics of a mini-batch, or with those that were kept. Samples may also lie among the channels, as those of
/// InstanceNorm do.
template <typename Node>
bool batch_norm(Passage& passage, double Node::*epsilon) {
  const auto* node = passage.template as<Node>();
  if (node == nullptr || passage.output() != 0 || passage.dim() < 0) return false;
  const int64_t features = int64_t{1};
  if (passage.dim() == features) {
    return passage.keeps(0, features) && passage.keeps(1, int64_t{0}) && passage.keeps(2, int64_t{0});
  }
  if (node->training) {
    throw Error("ERR_SAMPLES_MEET",
                "importance: expected a gradient for each sample, got a BatchNorm that normalises the samples of a "
                "mini-batch with one another: measure in eval mode with running statistics (`mode: 'eval'`), or the "
                "gradient of the mini-batch (`granularity: 'batch'`)");
  }
  if (!passage.keeps(0, passage.dim())) return false;
  const auto normalised = [x = saved(passage, node->input_), mean = saved(passage, node->running_mean_),
                           variance = saved(passage, node->running_var_),
                           eps = node->*epsilon](const at::Tensor& delta) {
    std::vector<int64_t> shape(delta.dim(), 1);
    shape[1] = mean.numel();
    return (widened(x) - widened(mean).view(shape)) * (widened(variance) + eps).rsqrt().view(shape);
  };
  return scale_and_shift(passage, normalised, [axis = passage.axis()](const at::Tensor& values) {
    return by_channel(axis, values);
  });
}

bool embedding(Passage& passage) {
  const auto* node = passage.as<EmbeddingBackward0>();
  if (node == nullptr || node->scale_grad_by_freq) return false;
  if (passage.dim() < 0 || passage.dim() == passage.dims() - 1) return false;
  const int64_t rows = passage.sizes_of(0)[0];
  const int64_t padding = node->padding_idx.guard_int(__FILE__, __LINE__);
  return passage.shares(0, [=, axis = passage.axis(), indices = saved(passage, node->indices_)](const at::Tensor& delta) {
    const int64_t width = delta.size(-1);
    const SampleAxis of_indices{axis.samples, axis.inner / width};
    const at::Tensor read = of_indices.rows(indices.to(at::kLong).reshape({-1, 1})).squeeze(2);
    return table_gradients(read, axis.rows(delta.reshape({-1, width})), rows, padding);
  });
}

}  // namespace

Rules layer_rules() {
  return {
      {"AddmmBackward0", linear},
      {"MmBackward0", linear_without_bias},
      {"ConvolutionBackward0", convolution},
      {"NativeLayerNormBackward0", layer_norm},
      {"NativeGroupNormBackward0", group_norm},
      {"NativeBatchNormBackward0",
       [](Passage& passage) { return batch_norm(passage, &NativeBatchNormBackward0::eps); }},
      {"CudnnBatchNormBackward0",
       [](Passage& passage) { return batch_norm(passage, &CudnnBatchNormBackward0::epsilon); }},
      {"EmbeddingBackward0", embedding},
  };
}

}  // namespace continual
