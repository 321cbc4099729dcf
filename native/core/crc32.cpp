#include "core/crc32.h"

// Defines functions: no other file may include it.
#include <caffe2/serialize/crc_alt.h>

namespace continual {

uint32_t crc32(const void* data, size_t size, uint32_t previous) {
  return size == 0 ? previous : crc32_16bytes(data, size, previous);
}

}  // namespace continual
