#include "core/files/output_file.h"

#include <cerrno>
#include <cstring>

#include "core/files/paths.h"

namespace continual {

OutputFile::OutputFile(const std::string& path) {
  errno = 0;
  stream_.open(path_of(path), std::ios::binary | std::ios::trunc);
  note_failure();
}

size_t OutputFile::write(const void* data, size_t size) {
  if (!has_failed()) {
    stream_.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
    note_failure();
  }
  return size;
}

std::string OutputFile::close() {
  if (!has_failed()) {
    stream_.close();
    note_failure();
  }
  return reason_;
}

void OutputFile::note_failure() {
  if (!stream_.good()) reason_ = errno == 0 ? "the output failed" : std::strerror(errno);
}

}  // namespace continual
