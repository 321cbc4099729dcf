// The bytes of a model file, on disk or in memory.
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

}  // namespace continual
