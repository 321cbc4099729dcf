// Lends another thread the compute thread and its OpenMP team.
#pragma once

#include <functional>

#include "core/compute/compute_thread.h"
#include "core/torch.h"

namespace continual {

/// Runs `work` on the compute thread, as if on the calling one (grad mode and all else that libtorch keeps for each
/// thread), and waits for it; rethrows what it throws. While the calling thread traces, or has autocast on, whose cache is
/// its own, `work` runs there.
void run_with_team(ComputeThread& compute_thread, const std::function<void()>& work);

/// From so many multiplications on, or elements passed over, an operator is worth the way to the compute thread and back,
/// some 50 microseconds.
constexpr int64_t kLargeProduct = int64_t{1} << 23;
constexpr int64_t kLargePass = int64_t{1} << 20;

/// About how many multiplications a product of two tensors takes: rows of the left one times elements of the right one.
inline int64_t multiplications(const at::Tensor& left, const at::Tensor& right) {
  return left.dim() == 0 ? 0 : left.numel() / std::max<int64_t>(left.size(-1), 1) * right.numel();
}

}  // namespace continual
