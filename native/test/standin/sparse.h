// Sparse tensors (COO) on the stand-in: their parts lie on the device, their operators compute on the CPU.
#pragma once

#include "core/torch.h"

namespace continual::standin {

void register_sparse_kernels();

}  // namespace continual::standin
