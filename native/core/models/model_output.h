// What a model returned where one tensor was expected.
#pragma once

#include "core/torch.h"

namespace continual {

/// Throws ERR_MODEL_OUTPUT: what came, in words, and how to pick the tensor that is trained.
[[noreturn]] void throw_model_output(const c10::IValue& output);

}  // namespace continual
