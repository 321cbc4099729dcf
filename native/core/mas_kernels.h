// The arithmetic of Memory Aware Synapses over flat memory.
#pragma once

#include "core/torch.h"

namespace continual {

/// Returns sum Omega (theta - theta*)^2 and, in the same pass, writes its gradient times `scale`,
///   grad (+)= scale * 2 Omega (theta - theta*)
/// All tensors are 1-d slices of equal length, dtype and device; `grad` may be undefined (value only).
/// On the CPU partial sums have fixed borders and are added in order, so that the value does not depend on how many
/// threads took part.
double quadratic_penalty(const at::Tensor& theta, const at::Tensor& anchor, const at::Tensor& omega,
                         const at::Tensor& grad, double scale, bool accumulate);

/// omega += |grad|, element by element.
void add_magnitudes(const at::Tensor& omega, const at::Tensor& grad);

}  // namespace continual
