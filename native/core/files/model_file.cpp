#include "core/files/model_file.h"

#include <algorithm>
#include <cstring>
#include <fstream>

#include "core/error.h"
#include "core/files/paths.h"

namespace continual {
namespace {

/// A file for libtorch's reader.
class OnDisk final : public caffe2::serialize::ReadAdapterInterface {
 public:
  /// Whether it can be read says `is_open`.
  explicit OnDisk(const std::filesystem::path& path) : stream_(path, std::ios::binary | std::ios::ate) {
    if (stream_.good()) size_ = static_cast<size_t>(stream_.tellg());
  }
  bool is_open() const { return stream_.is_open() && stream_.good(); }
  size_t size() const override { return size_; }
  size_t read(uint64_t position, void* into, size_t count, const char*) const override {
    if (position >= size_) return 0;
    stream_.clear();
    stream_.seekg(static_cast<std::streamoff>(position));
    stream_.read(static_cast<char*>(into), static_cast<std::streamsize>(std::min<size_t>(count, size_ - position)));
    return static_cast<size_t>(stream_.gcount());
  }

 private:
  mutable std::ifstream stream_;
  size_t size_ = 0;
};

/// Bytes in memory for libtorch's reader.
class InMemory final : public caffe2::serialize::ReadAdapterInterface {
 public:
  explicit InMemory(std::string bytes) : bytes_(std::move(bytes)) {}
  size_t size() const override { return bytes_.size(); }
  size_t read(uint64_t position, void* into, size_t count, const char*) const override {
    if (position >= bytes_.size()) return 0;
    count = std::min<size_t>(count, bytes_.size() - position);
    std::memcpy(into, bytes_.data() + position, count);
    return count;
  }

 private:
  std::string bytes_;
};

}  // namespace

ModelFile ModelFile::open(const std::string& path) {
  const std::string name = "\"" + path + "\"";
  const auto fail = [&](const char* code, const std::string& what) {
    throw Error(code, "jit.load: expected a TorchScript file, " + what);
  };
  std::error_code ignored;
  const auto status = std::filesystem::status(path_of(path), ignored);
  if (!std::filesystem::exists(status)) fail("ERR_MODEL_FILE_NOT_FOUND", "found no file " + name);
  if (std::filesystem::is_directory(status)) fail("ERR_MODEL_FILE_FORMAT", name + " is a folder");
  // Others block or never end.
  if (!std::filesystem::is_regular_file(status)) fail("ERR_MODEL_FILE_FORMAT", name + " is no regular file");
  auto file = std::make_shared<OnDisk>(path_of(path));
  if (!file->is_open()) fail("ERR_MODEL_FILE_READ", "cannot read " + name);
  return {std::move(file), name};
}

ModelFile ModelFile::of(std::string bytes) {
  const std::string name = "an array of " + std::to_string(bytes.size()) + " bytes";
  return {std::make_shared<InMemory>(std::move(bytes)), name};
}

}  // namespace continual
