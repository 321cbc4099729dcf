// Convolutional models run with channels last in memory.
#pragma once

#include "core/torch.h"

namespace continual {

/// Whether the method's graph, with everything that it calls inlined, convolves images and gives the same elements however
/// its tensors lie in memory: every operator is known to.
bool may_run_channels_last(const torch::jit::Graph& graph);

/// Has views, and the output, find tensors that lie as they expect. `graph` is one of the above.
void prepare_for_channels_last(torch::jit::Graph& graph);

/// Images, float32 on the CPU: libtorch's convolutions, poolings and normalisations take two thirds of the time where the
/// channels of a pixel lie side by side.
bool gains_from_channels_last(const at::Tensor& input);

}  // namespace continual
