// Lends another thread the compute thread and its OpenMP team.
#pragma once

#include <functional>

#include "core/compute/compute_thread.h"

namespace continual {

/// Runs `work` on the compute thread, as if on the calling one (grad mode and all else that libtorch keeps for each
/// thread), and waits for it; rethrows what it throws. While the calling thread traces, or has autocast on, whose cache
/// is its own, `work` runs there.
void run_with_team(ComputeThread& compute_thread, const std::function<void()>& work);

}  // namespace continual
