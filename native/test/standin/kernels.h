// What the stand-in computes: every operator on copies that lie on the CPU, and what has to do with memory by itself.
#pragma once

#include "core/torch.h"

namespace continual::standin {

/// While one lives, copies to the host are a kernel's: the host does not wait for them.
class InKernel {
 public:
  InKernel();
  ~InKernel();
  InKernel(const InKernel&) = delete;
  InKernel& operator=(const InKernel&) = delete;
};

void register_kernels();

}  // namespace continual::standin
