// The quadratic penalty behind the optimizer's update instead of in the loss.
#pragma once

#include "core/regularization/quadratic_penalty.h"

namespace continual {

/// A phase that solves the penalty for each element that the optimizer has just updated, eta being the learning rate of
/// its parameter's group:
///   theta <- argmin_u lambda Omega (u - theta*)^2 + (u - theta)^2 / (2 eta)
///          = (theta + 2 eta lambda Omega theta*) / (1 + 2 eta lambda Omega)
/// No lambda is too large for it. Momentum and what an optimizer scales by know nothing of it, as of AdamW's decay.
///
/// Left as they are: parameters that no update of this iteration has moved (without a gradient, in no group, a step
/// that was left out), those that are frozen, and elements whose Omega is not above 0.
std::shared_ptr<PluginPhase> proximal_phase(std::shared_ptr<QuadraticPenalty> penalty);

/// A phase that computes P(theta) where the loss stands, for metrics: one pass that reads.
std::shared_ptr<PluginPhase> penalty_value_phase(std::shared_ptr<QuadraticPenalty> penalty);

}  // namespace continual
