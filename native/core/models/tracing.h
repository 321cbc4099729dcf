// A model's forward recorded as TorchScript while it runs.
#pragma once

#include "core/torch.h"

namespace continual {

/// Calls the model's forward, however it is written.
using Forward = std::function<c10::IValue(const torch::jit::Stack&)>;

/// Records the operators that `forward` calls on this thread. The result has the model's parameters, buffers and
/// children, and a method forward. Buffers and random generators are afterwards as before. Inputs and output are
/// tensors or tuples of them.
/// @param takes_task_labels whether the last of several inputs is the task label of each sample
/// Throws ERR_TRACE where the result does not give the same output for these inputs; what `forward` throws.
torch::jit::Module trace(const torch::jit::Module& model, const torch::jit::Stack& inputs, bool takes_task_labels,
                         const Forward& forward);

/// While a forward is traced: calls a method in TorchScript, which is recorded as a call, so that train and eval mode and
/// sizes stay what they are at run time.
c10::IValue call_traced(const torch::jit::Module& module, const torch::jit::Method& method, torch::jit::Stack inputs);

}  // namespace continual
