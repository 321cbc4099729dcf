// What to do where a penalty has driven the loss beyond all bounds.
#pragma once

#include "core/optimizers/optimizer.h"
#include "core/regularization/quadratic_penalty.h"

namespace continual {

/// lambda and learning rate in use and, for SGD, the largest lambda at which its steps on the penalty alone approach
/// theta*. Along an element the penalty has the second derivative 2 lambda Omega, and plain SGD is stable where
///   2 lr lambda max Omega < 2.
/// Reads Omega: for error messages.
std::string advice_on_penalty(const QuadraticPenalty& penalty, const Optimizer& optimizer);

}  // namespace continual
