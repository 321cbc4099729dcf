// Whose memory the elements of a tensor lie in.
#pragma once

#include <memory>

#include "core/torch.h"

namespace continual {

/// Memory that is its owner's and stays it. The owner lives as long as the last storage on it.
c10::DataPtr borrowed_memory(void* data, std::shared_ptr<void> owner);

/// The bytes that come back when a storage goes: 0 for borrowed memory, for a mapped file, whose pages are the
/// system's, and where there is none at all (empty and meta tensors).
int64_t owned_bytes(const c10::StorageImpl& storage);

}  // namespace continual
