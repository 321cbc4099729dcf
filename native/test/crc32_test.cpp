#include "core/files/crc32.h"

#include <cstring>
#include <vector>

#include "test/check.h"

namespace continual::test {
namespace {

/// Bit by bit, as the polynomial is defined.
uint32_t plain(const unsigned char* data, size_t length, uint32_t previous) {
  uint32_t crc = ~previous;
  for (size_t i = 0; i < length; ++i) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320u : 0u);
  }
  return ~crc;
}

}  // namespace

void checksums() {
  EXPECT(crc32("123456789", 9) == 0xCBF43926u);
  std::vector<unsigned char> bytes(70'000);
  uint32_t state = 1;
  for (unsigned char& byte : bytes) byte = static_cast<unsigned char>((state = state * 1664525u + 1013904223u) >> 24);
  std::vector<size_t> lengths{1000, 4096, 16'384, 16'399, 65'537};
  for (size_t length = 0; length < 300; ++length) lengths.push_back(length);
  for (const size_t length : lengths) {
    for (const size_t offset : {0, 1, 7, 16, 31}) {
      for (const uint32_t previous : {0u, 0xCBF43926u, ~0u}) {
        const uint32_t expected = plain(bytes.data() + offset, length, previous);
        EXPECT(crc32(bytes.data() + offset, length, previous) == expected);
        EXPECT(crc32_by_tables(bytes.data() + offset, length, previous) == expected);
      }
    }
  }
  EXPECT(joined_crc32(crc32(bytes.data(), 777), crc32(bytes.data() + 777, 5000), 5000) == crc32(bytes.data(), 5777));
}

}  // namespace continual::test
