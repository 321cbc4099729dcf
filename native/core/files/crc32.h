// The checksum of zip archives.
#pragma once

#include <cstddef>
#include <cstdint>

namespace continual {

/// CRC-32 (polynomial 0xEDB88320, reflected), of any bytes. `previous`: the sum of the bytes before these. By products
/// without carries where the processor has them.
uint32_t crc32(const void* data, size_t length, uint32_t previous = 0);

/// The same eight bytes at a time ("slicing by 8", Kounavis and Berry, 2005), of four parts of long data in step.
uint32_t crc32_by_tables(const void* data, size_t length, uint32_t previous = 0);

/// The CRC-32 of bytes with this sum and, behind them, `length` bytes with that sum.
uint32_t joined_crc32(uint32_t first, uint32_t second, size_t length);

}  // namespace continual
