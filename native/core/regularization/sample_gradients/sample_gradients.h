// Importances of single samples from one backward pass over a mini-batch.
#pragma once

#include "core/flat_parameters.h"
#include "core/regularization/sample_gradients/shared_tensor.h"

namespace continual {

/// For each parameter theta
///
///   sum += sum_k f(d l_k / d theta),    k over the samples of the mini-batch
///
/// where l_k is a function of row k of `output` alone, whose derivative is row k of `output_gradient`; `sums` lie like the
/// flat parameters, in the `importance_type` of each. No gradient reaches a parameter; the graph of the output is used up unless `keep_graph`.
///
/// What is exact is proven on the graph, operator by operator: that the gradient of each l_k is zero in every tensor on the
/// way but for entries of its own. Sums over samples then come from products of what lies before and behind a parameter,
/// without a gradient of a sample, or from gradients of some samples at a time. A parameter that is used in several
/// places gets the function of the sum.
///
/// False, having changed nothing, where the proof does not come to its end: at an operator of which nothing is known, or
/// where samples meet. It sees what autograd has recorded: that what has no gradient (inputs, frozen layers) keeps samples
/// apart is the caller's to know. Throws ERR_SAMPLES_MEET at a BatchNorm that normalises with the mini-batch.
bool add_sample_gradients(const at::Tensor& output, const at::Tensor& output_gradient, const FlatParameters& flat,
                          const FlatTensors& sums, const Elementwise& f, bool keep_graph = false);

}  // namespace continual
