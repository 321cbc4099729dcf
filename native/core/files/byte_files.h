// Files of plain bytes, read into tensors and written from them.
#pragma once

#include "core/torch.h"

namespace continual {

/// A regular file as a uint8 tensor. Files of at least `map_from` bytes are mapped: privately, so that writing to the
/// tensor never reaches the file. Smaller ones are read. Throws ERR_DATA_NOT_FOUND with the reason.
struct FileBytes {
  at::Tensor bytes;
  bool is_mapped = false;
};
FileBytes read_file(const std::string& path, int64_t map_from);

/// The CRC-32 of zip archives.
uint32_t crc32_of(const at::Tensor& bytes, int64_t offset, int64_t length);

/// Bytes to write: a string, or what `tensor` holds in row-major order.
struct Part {
  std::string name = {};
  std::string bytes = {};
  at::Tensor tensor = {};
};

/// One part behind the other; names are not written. Throws ERR_WEIGHTS_SAVE; what is then at `path` is of no use.
void write_file(const std::string& path, const std::vector<Part>& parts);

/// A zip archive as PyTorch writes it: stored records, aligned to 64 bytes, below `archive/`; with the format's version
/// and an id. Throws as `write_file`.
void write_zip(const std::string& path, const std::vector<Part>& records);

}  // namespace continual
