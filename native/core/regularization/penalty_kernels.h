// The arithmetic of importances and of the quadratic penalty over flat memory.
#pragma once

#include "core/flat_parameters.h"

namespace continual {

/// What importances of parameters of this dtype are kept and summed in: real numbers, of half precision in float32, as
/// the reference does.
at::ScalarType importance_type(at::ScalarType type);

/// No importance, for parameters that lie like `values`.
FlatTensors no_importances(const FlatTensors& values);

/// Returns sum Omega (theta - theta*)^2 and, in the same pass, writes its gradient times `scale`,
///   grad (+)= scale * 2 Omega (theta - theta*)
/// All tensors are 1-d slices of equal length on the CPU, `omega` of the `importance_type` of the others; `grad` may be
/// undefined (value only). In half precision the gradient is rounded where autograd rounds it. Partial sums have fixed
/// borders and are added in order, so that the value does not depend on how many threads took part.
double quadratic_penalty(const at::Tensor& theta, const at::Tensor& anchor, const at::Tensor& omega,
                         const at::Tensor& grad, double scale, bool accumulate);

/// The same in two steps, on any device, without a read by the host. Returns the sum, float64 [], and writes what its
/// gradient is a multiple of,
///   grad = Omega (theta - theta*)
/// `grad` is undefined (value only) or no narrower than `omega`.
at::Tensor penalty_on_device(const at::Tensor& theta, const at::Tensor& anchor, const at::Tensor& omega,
                             const at::Tensor& grad);

/// grad (+)= scale * Omega (theta - theta*),  `scale` being [1] on the device, of Omega's dtype.
void add_gradient_on_device(const at::Tensor& theta, const at::Tensor& anchor, const at::Tensor& omega,
                            const at::Tensor& grad, const at::Tensor& scale, bool accumulate);

/// Moves each element to where step and penalty together cost least,
///   theta <- (theta + c theta*) / (1 + c),  c = strength * Omega
/// in place, in one pass on the CPU and by operators elsewhere; of half precision in float32, rounded once. However
/// large c is, the result lies between the two: theta* where c is infinite. Where c is not above 0 an element keeps its
/// bits. With `found_inf`, as `Optimizer::step` takes it, nothing moves where that is 1; it goes with a device.
void pull_to_anchor(const at::Tensor& theta, const at::Tensor& anchor, const at::Tensor& omega, double strength,
                    const at::Tensor& found_inf = {});

/// sum += |grad|, element by element; `sum` is of the `importance_type` of `grad`.
void add_magnitudes(const at::Tensor& sum, const at::Tensor& grad);

}  // namespace continual
