// The container of a TorchScript file, checked before libtorch reads it.
#pragma once

#include <caffe2/serialize/read_adapter_interface.h>

#include "core/torch.h"

namespace continual {

using Bytes = std::shared_ptr<caffe2::serialize::ReadAdapterInterface>;

/// A model file, by whatever name stands in messages.
struct ModelFile {
  Bytes bytes;
  std::string name;

  /// A regular file. Throws ERR_MODEL_FILE_NOT_FOUND, ERR_MODEL_FILE_READ, ERR_MODEL_FILE_FORMAT.
  static ModelFile open(const std::string& path);
  static ModelFile of(std::string bytes);
};

/// libtorch trusts a file: it allocates what a record claims to be, and compares no checksum. This looks at all of it
/// first: that the zip archive is whole, that its records lie in it without overlapping, have names of their own that do
/// not leave the archive, and hold the bytes that were written (CRC-32).
/// Throws ERR_MODEL_FILE_EMPTY, ERR_MODEL_FILE_PICKLE, ERR_MODEL_FILE_FORMAT, ERR_MODEL_FILE_READ.
void check_script_archive(const ModelFile& file);

/// Throws ERR_MODEL_FILE_FORMAT.
[[noreturn]] void throw_damaged(const ModelFile& file, const std::string& detail);

}  // namespace continual
