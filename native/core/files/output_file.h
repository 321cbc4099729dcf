// A file that is written from its beginning to its end.
#pragma once

#include <cstddef>
#include <fstream>
#include <string>

namespace continual {

/// Goes on after a failure, into nothing: libtorch's zip writer would end the process where its output fails twice.
class OutputFile {
 public:
  /// Empties a file that is there. `path` is UTF-8.
  explicit OutputFile(const std::string& path);

  /// Takes all of it, whatever happens.
  size_t write(const void* data, size_t size);

  bool has_failed() const { return !reason_.empty(); }

  /// What went wrong first; "" where nothing did.
  std::string close();

 private:
  void note_failure();

  std::ofstream stream_;
  std::string reason_;
};

}  // namespace continual
