#include "core/files/crc32.h"

#include <array>
#include <bit>
#include <cstring>

namespace continual {
namespace {

constexpr uint32_t kPolynomial = 0xEDB88320u;
constexpr size_t kSlices = 8;
/// Parts of long data are summed in step: each sum waits for its own last lookup, not for that of the others.
constexpr size_t kLanes = 4;
constexpr size_t kLeastLane = 4096;
using Tables = std::array<std::array<uint32_t, 256>, kSlices>;

/// Table k: what a byte does to the checksum when k bytes follow it.
constexpr Tables make_tables() {
  Tables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0u);
    tables[0][byte] = crc;
  }
  for (size_t k = 1; k < kSlices; ++k) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t shorter = tables[k - 1][byte];
      tables[k][byte] = (shorter >> 8) ^ tables[0][shorter & 0xff];
    }
  }
  return tables;
}

constexpr Tables kTables = make_tables();
static_assert(std::endian::native == std::endian::little, "eight bytes are read as one little-endian integer");

uint32_t after_eight(uint32_t crc, const unsigned char* at) {
  uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);  // `at` need not be aligned
  word ^= crc;
  crc = 0;
  for (size_t i = 0; i < kSlices; ++i) crc ^= kTables[kSlices - 1 - i][(word >> (8 * i)) & 0xff];
  return crc;
}

/// The product of two polynomials modulo the checksum's, in its order of bits: 1 << 31 is 1.
uint32_t product(uint32_t a, uint32_t b) {
  uint32_t result = 0;
  for (; a != 0; a <<= 1) {
    if ((a >> 31) != 0) result ^= b;
    b = (b >> 1) ^ ((b & 1) != 0 ? kPolynomial : 0u);
  }
  return result;
}

/// x^(8 * length): what so many bytes behind them do to a checksum.
uint32_t shift_by(size_t length) {
  uint32_t result = uint32_t{1} << 31;
  uint32_t power = uint32_t{1} << 23;  // x^8
  for (; length > 0; length >>= 1) {
    if ((length & 1) != 0) result = product(result, power);
    power = product(power, power);
  }
  return result;
}

}  // namespace

uint32_t joined_crc32(uint32_t first, uint32_t second, size_t length) {
  return product(first, shift_by(length)) ^ second;
}

uint32_t crc32(const void* data, size_t length, uint32_t previous) {
  const auto* at = static_cast<const unsigned char*>(data);
  if (const size_t lane = length / kLanes / kSlices * kSlices; lane >= kLeastLane) {
    std::array<uint32_t, kLanes> sums;
    sums.fill(~uint32_t{0});
    sums[0] = ~previous;
    for (size_t i = 0; i < lane; i += kSlices) {
      for (size_t k = 0; k < kLanes; ++k) sums[k] = after_eight(sums[k], at + k * lane + i);
    }
    previous = ~sums[0];
    for (size_t k = 1; k < kLanes; ++k) previous = joined_crc32(previous, ~sums[k], lane);
    at += kLanes * lane;
    length -= kLanes * lane;
  }
  uint32_t crc = ~previous;
  for (; length >= kSlices; length -= kSlices, at += kSlices) crc = after_eight(crc, at);
  for (; length > 0; --length) crc = (crc >> 8) ^ kTables[0][(crc ^ *at++) & 0xff];
  return ~crc;
}

}  // namespace continual
