// What is done about a loss that is NaN or infinite where the host looks at it.
#pragma once

#include "core/error.h"
#include "core/models/model.h"
#include "core/training/loss_guard.h"

namespace continual {

/// Reads the loss. What is no single number is backward's to refuse.
bool is_finite(const at::Tensor& loss);

/// ERR_LOSS_NOT_FINITE with the likely cause: the mini-batch, a parameter, the output, or what came after it, with the
/// advice of the plugins' phases. Reads all of them.
Error loss_not_finite(const Moment& moment, const Model& model, const Optimizer& optimizer);

}  // namespace continual
