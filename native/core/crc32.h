// The checksum of zip archives.
#pragma once

#include <cstddef>
#include <cstdint>

namespace continual {

/// CRC-32 (polynomial 0xEDB88320, reflected), of any bytes: eight at a time ("slicing by 8", Kounavis and Berry, 2005).
uint32_t crc32(const void* data, size_t length);

}  // namespace continual
