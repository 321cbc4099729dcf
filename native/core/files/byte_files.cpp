#include "core/files/byte_files.h"

#include <caffe2/serialize/inline_container.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "core/compute/parallel.h"
#include "core/error.h"
#include "core/files/crc32.h"
#include "core/files/output_file.h"
#include "core/files/paths.h"
#include "core/memory/large_pages.h"

namespace continual {
namespace {

/// Files are read and summed up in stretches of so many bytes, by threads that take several each.
constexpr int64_t kStretch = int64_t{1} << 20;
constexpr int64_t kStretchesOfThread = 4;

[[noreturn]] void throw_unreadable(const std::string& reason) { throw Error("ERR_DATA_NOT_FOUND", reason); }

/// Throws what went wrong.
void close(OutputFile& output) {
  if (const std::string reason = output.close(); !reason.empty()) throw Error("ERR_WEIGHTS_SAVE", reason);
}

/// Calls `write(data, length)` with the bytes of a part.
template <typename Write>
void with_bytes(const Part& part, const Write& write) {
  if (!part.tensor.defined()) {
    write(part.bytes.data(), part.bytes.size());
    return;
  }
  const at::Tensor tensor = part.tensor.to(at::kCPU).contiguous();
  write(tensor.numel() == 0 ? "" : tensor.const_data_ptr(), tensor.nbytes());
}

}  // namespace

FileBytes read_file(const std::string& path, int64_t map_from) {
  std::error_code error;
  const std::filesystem::path file = path_of(path);
  const std::filesystem::file_status status = std::filesystem::status(file, error);
  if (std::filesystem::is_directory(status)) throw_unreadable("it is a folder");
  // Others block or never end.
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) throw_unreadable("it is no file");
  const auto size = static_cast<int64_t>(std::filesystem::file_size(file, error));
  if (error) throw_unreadable(error.message());
  if (size > 0 && size >= map_from) {
    try {
      return {at::from_file(path, /*shared=*/false, size, at::kByte), true};
    } catch (const c10::Error& failure) {
      throw_unreadable(failure.what_without_backtrace());
    }
  }
  at::Tensor bytes = at::empty({size}, at::kByte);
  auto* const data = static_cast<char*>(bytes.mutable_data_ptr());
  prefer_large_pages(data, static_cast<size_t>(size));
  // One stretch at least: that it cannot be opened is said of an empty file too.
  const int64_t stretches = size / kStretch + 1;
  std::atomic<bool> failed = false;
  std::atomic<int> reason = 0;
  in_parallel(stretches, kStretchesOfThread, [&](int64_t begin, int64_t end) {
    errno = 0;
    std::ifstream stream(file, std::ios::binary);
    stream.seekg(begin * kStretch);
    const int64_t length = std::min(end * kStretch, size) - begin * kStretch;
    if (length > 0) stream.read(data + begin * kStretch, length);
    if (stream.good()) return;
    failed = true;
    reason = errno;
  });
  if (failed) throw_unreadable(reason == 0 ? "it became shorter meanwhile" : std::strerror(reason));
  return {bytes, false};
}

uint32_t crc32_of(const at::Tensor& bytes, int64_t offset, int64_t length) {
  const at::Tensor range = bytes.narrow(0, offset, length);
  if (length == 0) return 0;
  const auto* const data = static_cast<const char*>(range.const_data_ptr());
  const auto stretch = [&](int64_t i) { return std::min(kStretch, length - i * kStretch); };
  std::vector<uint32_t> sums(static_cast<size_t>((length + kStretch - 1) / kStretch));
  in_parallel(static_cast<int64_t>(sums.size()), kStretchesOfThread, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      sums[static_cast<size_t>(i)] = crc32(data + i * kStretch, static_cast<size_t>(stretch(i)));
  });
  uint32_t sum = sums[0];
  for (size_t i = 1; i < sums.size(); ++i)
    sum = joined_crc32(sum, sums[i], static_cast<size_t>(stretch(static_cast<int64_t>(i))));
  return sum;
}

void write_file(const std::string& path, const std::vector<Part>& parts) {
  OutputFile output(path);
  for (const Part& part : parts) {
    if (output.has_failed()) break;
    with_bytes(part, [&](const void* data, size_t length) { output.write(data, length); });
  }
  close(output);
}

void write_zip(const std::string& path, const std::vector<Part>& records) {
  OutputFile output(path);
  caffe2::serialize::PyTorchStreamWriter writer(
      [&](const void* data, size_t length) { return output.write(data, length); });
  for (const Part& record : records) {
    if (output.has_failed()) break;
    with_bytes(record, [&](const void* data, size_t length) { writer.writeRecord(record.name, data, length); });
  }
  writer.writeEndOfFile();
  close(output);
}

}  // namespace continual
