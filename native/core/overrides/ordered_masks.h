// Channels last in memory, and random masks that do not show it.
#pragma once

#include "core/torch.h"

namespace continual {

/// Whether convolutional models run with channels last in this process; see `overrides.h` for the switch.
bool are_channels_put_last();

/// To be called before `let_threads_have_generators`.
void let_masks_follow_elements();

/// While one lives, random masks on this thread are drawn in the order of elements, not of memory: dropout is that of
/// tensors with channels first.
class OrderedMasksGuard {
 public:
  OrderedMasksGuard();
  ~OrderedMasksGuard();
  OrderedMasksGuard(const OrderedMasksGuard&) = delete;
  OrderedMasksGuard& operator=(const OrderedMasksGuard&) = delete;
};

}  // namespace continual
