// Arguments that libtorch's kernels take without a look, although wrong ones have them read or write outside of memory.
#pragma once

#include "core/torch.h"

namespace continual {

/// Throws ERR_INVALID_ARG_VALUE for arguments that would end the process.
using ArgumentCheck = void (*)(const c10::FunctionSchema& schema, const torch::jit::Stack& stack);

/// The check of an operator such as "aten::ctc_loss"; null for most.
ArgumentCheck unchecked_arguments_of(const std::string& name);

}  // namespace continual
