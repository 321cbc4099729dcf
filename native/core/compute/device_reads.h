// Where the host looks at a tensor's values without waiting for a device.
#pragma once

#include "core/torch.h"

namespace continual {

/// On the CPU. Elsewhere a read ends what a device gains by working on while the host prepares what comes next: an
/// iteration leaves its numbers there until somebody asks for them.
bool reads_are_free(const at::Device& device);

/// For tests: while one of these lives the CPU is taken for a device whose reads are not free.
class CpuAsDevice {
 public:
  CpuAsDevice();
  ~CpuAsDevice();
  CpuAsDevice(const CpuAsDevice&) = delete;
  CpuAsDevice& operator=(const CpuAsDevice&) = delete;
};

}  // namespace continual
