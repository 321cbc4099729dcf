// The checksum of zip archives.
#pragma once

#include <cstddef>
#include <cstdint>

namespace continual {

/// CRC-32 of bytes that come behind those with the sum `previous`.
uint32_t crc32(const void* data, size_t size, uint32_t previous = 0);

}  // namespace continual
