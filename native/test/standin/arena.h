// The stand-in's memory: apart from the host's, as a GPU's is.
#pragma once

#include "core/torch.h"

namespace continual::standin {

/// The one allocator of the device. Its pointers are addresses that nobody may touch: whoever reads or writes there
/// ends in a segmentation fault, on every thread and at every time.
c10::Allocator* allocator();

/// What fits of the storage's bytes stays.
void resize(const c10::Storage& storage, size_t bytes);

/// From now on a touch is told with the calls that led to it.
void report_touches();

/// Where the device's own kernels see the same bytes.
void* seen_by_kernels(void* pointer);

/// Page-locked memory of the host, as far as anybody can tell.
c10::Allocator* pinned_allocator();
bool is_pinned(const void* pointer);

}  // namespace continual::standin
