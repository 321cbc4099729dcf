// A device for tests that every machine has: "standin". What runs on it runs as on a GPU: in memory that the host may
// not touch, by operators of its own, with generators of its own, backward on a thread of its own. Its operators
// compute on the CPU (kernels.h), so that it has the CPU's numbers. Copies and kernels have ended when they return:
// what goes wrong because a GPU does later what it was told, it does not show.
#pragma once

#include "core/torch.h"

namespace continual::standin {

inline c10::Device device() { return {c10::kPrivateUse1, 0}; }

/// Makes libtorch know the device, once. To be called before the process's first backward: autograd counts devices
/// then.
void install();

/// How often the host has waited for a value of the device's: copies to the host, and numbers that were asked for.
int64_t host_reads();

}  // namespace continual::standin
