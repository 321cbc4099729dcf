// Tensors side by side in one stretch of memory, as they stand in a file.
#pragma once

#include "core/torch.h"

namespace continual {

struct PlacedTensor {
  at::Tensor tensor;
  int64_t offset;  // in bytes: a multiple of its element's size
};

/// Copies all elements of each tensor, wherever it lies, to its place, in row-major order. `bytes`, uint8 [size], is
/// used again where it is given and has that size.
at::Tensor pack(const std::vector<PlacedTensor>& tensors, int64_t size, at::Tensor bytes);

/// Writes `header` and behind it `bytes`; the CRC-32 of both. Throws ERR_WEIGHTS_SAVE; what is then at `path` is of no
/// use.
uint32_t write_packed(const std::string& path, const std::string& header, const at::Tensor& bytes);

}  // namespace continual
