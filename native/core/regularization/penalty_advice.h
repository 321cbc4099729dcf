// Whether the gradient of a penalty drives steps away from theta*, and what to do where it has.
#pragma once

#include "core/optimizers/optimizer.h"
#include "core/regularization/quadratic_penalty.h"

namespace continual {

/// Of the memory as it is laid out at present; nothing where no group with finite importances above 0 has a bound:
/// optimizers that scale their gradients have none. Waits for a device once.
std::optional<PenaltyStability> stability_of(const QuadraticPenalty& penalty, const Optimizer& optimizer);

/// For error messages: lambda and learning rate in use, and the largest lambda that is stable. Reads Omega.
std::string advice_on_penalty(const QuadraticPenalty& penalty, const Optimizer& optimizer);

/// A phase that has the penalty `look_at` the optimizer.
std::shared_ptr<PluginPhase> stability_phase(std::shared_ptr<QuadraticPenalty> penalty);

}  // namespace continual
