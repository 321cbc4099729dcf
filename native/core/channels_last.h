// Convolutional models run with channels last in memory.
#pragma once

#include "core/torch.h"

namespace continual {

/// Whether the method's graph, with everything that it calls inlined, convolves images and gives the same elements however
/// its tensors lie in memory: every operator is known to.
bool may_run_channels_last(const torch::jit::Graph& graph);

/// Has views, and the output, find tensors that lie as they expect. `graph` is one of the above.
void prepare_for_channels_last(torch::jit::Graph& graph);

/// Whether models run so in this process at all; see `overrides.h` for the switch.
bool are_channels_put_last();

/// Images, float32 on the CPU: libtorch's convolutions, poolings and normalisations take two thirds of the time where the
/// channels of a pixel lie side by side.
bool gains_from_channels_last(const at::Tensor& input);

/// To be called before the first `ChannelsLastGuard`, and before a second thread calls operators.
void let_masks_follow_elements();

/// While one lives, random masks on this thread are drawn in the order of elements, not of memory: dropout is that of
/// tensors with channels first.
class ChannelsLastGuard {
 public:
  ChannelsLastGuard();
  ~ChannelsLastGuard();
  ChannelsLastGuard(const ChannelsLastGuard&) = delete;
  ChannelsLastGuard& operator=(const ChannelsLastGuard&) = delete;
};

}  // namespace continual
