#include "core/compute/device_reads.h"

#include <atomic>

namespace continual {
namespace {

std::atomic<bool> cpu_is_device{false};

}  // namespace

bool reads_are_free(const at::Device& device) { return device.is_cpu() && !cpu_is_device; }

CpuAsDevice::CpuAsDevice() { cpu_is_device = true; }

CpuAsDevice::~CpuAsDevice() { cpu_is_device = false; }

}  // namespace continual
