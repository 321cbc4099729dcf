// The container of a TorchScript file, checked before libtorch reads it.
#pragma once

#include "core/files/model_file.h"

namespace continual {

/// libtorch trusts a file: it allocates what a record claims to be, and compares no checksum. This looks at all of it
/// first: that the zip archive is whole, that its records lie in it without overlapping, have names of their own that do
/// not leave the archive, and hold the bytes that were written (CRC-32).
/// Throws ERR_MODEL_FILE_EMPTY, ERR_MODEL_FILE_PICKLE, ERR_MODEL_FILE_FORMAT, ERR_MODEL_FILE_READ.
void check_script_archive(const ModelFile& file);

/// Throws ERR_MODEL_FILE_FORMAT.
[[noreturn]] void throw_damaged(const ModelFile& file, const std::string& detail);

}  // namespace continual
