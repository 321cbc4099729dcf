#include "core/files/crc32.h"

#include <array>
#include <bit>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__)
#define CONTINUAL_FOLDS_CRC
#include <immintrin.h>
#endif

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

#if defined(CONTINUAL_FOLDS_CRC)

constexpr size_t kBlock = 64;

/// Carry-less products fold 64 bytes at a time into the next 64, ten times as fast as the tables. The constants are
/// powers of x modulo the polynomial (Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ
/// Instruction", Intel 2009, for the reflected order of bits). `length` is a multiple of 16 and at least 64; `crc` is
/// inverted.
__attribute__((target("pclmul,sse4.1"))) uint32_t folded(uint32_t crc, const unsigned char* at, size_t length) {
  const auto load = [](const unsigned char* from) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); };
  const __m128i by_512_bits = _mm_set_epi64x(0x1c6e41596, 0x154442bd4);
  const __m128i by_128_bits = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
  const __m128i by_64_bits = _mm_set_epi64x(0, 0x163cd6124);
  const __m128i barrett = _mm_set_epi64x(0x1f7011641, 0x1db710641);
  const __m128i low_halves = _mm_set_epi32(0, -1, 0, -1);

  __m128i a = _mm_xor_si128(load(at), _mm_cvtsi32_si128(static_cast<int>(crc)));
  __m128i b = load(at + 16), c = load(at + 32), d = load(at + 48);
  for (at += kBlock, length -= kBlock; length >= kBlock; at += kBlock, length -= kBlock) {
    const __m128i low_a = _mm_clmulepi64_si128(a, by_512_bits, 0x00),
                  low_b = _mm_clmulepi64_si128(b, by_512_bits, 0x00);
    const __m128i low_c = _mm_clmulepi64_si128(c, by_512_bits, 0x00),
                  low_d = _mm_clmulepi64_si128(d, by_512_bits, 0x00);
    a = _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(a, by_512_bits, 0x11), low_a), load(at));
    b = _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(b, by_512_bits, 0x11), low_b), load(at + 16));
    c = _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(c, by_512_bits, 0x11), low_c), load(at + 32));
    d = _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(d, by_512_bits, 0x11), low_d), load(at + 48));
  }
  for (const __m128i& next : {b, c, d}) {
    const __m128i low = _mm_clmulepi64_si128(a, by_128_bits, 0x00);
    a = _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(a, by_128_bits, 0x11), low), next);
  }
  for (; length >= 16; at += 16, length -= 16) {
    const __m128i low = _mm_clmulepi64_si128(a, by_128_bits, 0x00);
    a = _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(a, by_128_bits, 0x11), low), load(at));
  }
  a = _mm_xor_si128(_mm_srli_si128(a, 8), _mm_clmulepi64_si128(a, by_128_bits, 0x10));
  a = _mm_xor_si128(_mm_srli_si128(a, 4), _mm_clmulepi64_si128(_mm_and_si128(a, low_halves), by_64_bits, 0x00));
  __m128i quotient = _mm_clmulepi64_si128(_mm_and_si128(a, low_halves), barrett, 0x10);
  quotient = _mm_clmulepi64_si128(_mm_and_si128(quotient, low_halves), barrett, 0x00);
  return static_cast<uint32_t>(_mm_extract_epi32(_mm_xor_si128(a, quotient), 1));
}

bool can_fold() {
  static const bool can = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
  return can;
}

#endif

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
#if defined(CONTINUAL_FOLDS_CRC)
  if (length >= kBlock && can_fold()) {
    const size_t whole = length / 16 * 16;
    const auto* rest = static_cast<const unsigned char*>(data) + whole;
    return crc32_by_tables(rest, length - whole, ~folded(~previous, static_cast<const unsigned char*>(data), whole));
  }
#endif
  return crc32_by_tables(data, length, previous);
}

uint32_t crc32_by_tables(const void* data, size_t length, uint32_t previous) {
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
