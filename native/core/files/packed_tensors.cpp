#include "core/files/packed_tensors.h"

#include <algorithm>

#include "core/error.h"
#include "core/files/crc32.h"
#include "core/files/output_file.h"
#include "core/memory/large_pages.h"

namespace continual {

at::Tensor pack(const std::vector<PlacedTensor>& tensors, int64_t size, at::Tensor bytes) {
  const at::NoGradGuard no_grad;
  if (!bytes.defined() || bytes.numel() != size) {
    bytes = at::empty({size}, at::kByte);
    prefer_large_pages(bytes.mutable_data_ptr(), static_cast<size_t>(size));
  }
  for (const auto& [tensor, offset] : tensors) {
    if (tensor.numel() == 0) continue;
    const auto length = static_cast<int64_t>(tensor.nbytes());
    bytes.narrow(0, offset, length).view(tensor.scalar_type()).view(tensor.sizes()).copy_(tensor.detach());
  }
  return bytes;
}

uint32_t write_packed(const std::string& path, const std::string& header, const at::Tensor& bytes) {
  // Summed up while it is in the cache for writing.
  constexpr int64_t kStretch = int64_t{1} << 20;
  OutputFile output(path);
  output.write(header.data(), header.size());
  uint32_t sum = crc32(header.data(), header.size());
  const auto* const data = static_cast<const char*>(bytes.const_data_ptr());
  for (int64_t at = 0; at < bytes.numel() && !output.has_failed(); at += kStretch) {
    const auto length = static_cast<size_t>(std::min(kStretch, bytes.numel() - at));
    sum = crc32(data + at, length, sum);
    output.write(data + at, length);
  }
  if (const std::string reason = output.close(); !reason.empty()) throw Error("ERR_WEIGHTS_SAVE", reason);
  return sum;
}

}  // namespace continual
