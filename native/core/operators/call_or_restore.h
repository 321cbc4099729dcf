// Calls of operators that may give a tensor other memory.
#pragma once

#include "core/torch.h"

namespace continual {

/// Calls an operator that may give the tensors it writes to other memory; where it fails, they lie where they lay before.
void call_or_restore(const c10::OperatorHandle& handle, torch::jit::Stack& stack);

}  // namespace continual
