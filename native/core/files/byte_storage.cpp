#include "core/files/byte_storage.h"

#include <c10/util/safe_numerics.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "core/error.h"
#include "core/memory/owned_memory.h"

namespace continual {
namespace {

constexpr size_t kMaxDimensions = 64;
/// A tensor may repeat elements of its storage (a stride of 0), but a few bytes must not stand for terabytes.
constexpr uint64_t kMaxRepeated = uint64_t{1} << 24;

[[noreturn]] void throw_shape(const std::string& detail) { throw Error("ERR_SHAPE", detail); }

at::Tensor over(const c10::Storage& storage) {
  const auto length = static_cast<int64_t>(storage.nbytes());
  return at::empty({0}, at::TensorOptions(at::kByte).device(storage.device())).set_(storage, 0, {length}, {1});
}

/// How many elements the sizes make, and how many of the storage they reach from the first of it on.
struct Extent {
  uint64_t elements = 1;
  uint64_t reach = 1;
};

Extent extent_of(int64_t offset, at::IntArrayRef sizes, at::IntArrayRef strides) {
  if (sizes.size() != strides.size())
    throw_shape("has " + std::to_string(sizes.size()) + " sizes and " + std::to_string(strides.size()) + " strides");
  if (sizes.size() > kMaxDimensions) throw_shape("has " + std::to_string(sizes.size()) + " dimensions, more than 64");
  if (offset < 0) throw_shape("has a negative offset");
  Extent extent;
  bool overflows = false;
  bool is_empty = false;
  uint64_t last = static_cast<uint64_t>(offset);
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (sizes[d] < 0 || strides[d] < 0) throw_shape("has a negative size or stride");
    is_empty |= sizes[d] == 0;
    // Sizes beside a 0 count too: libtorch multiplies them.
    const auto size = static_cast<uint64_t>(std::max<int64_t>(sizes[d], 1));
    uint64_t step = 0;
    overflows |= c10::mul_overflows(extent.elements, size, &extent.elements);
    overflows |= c10::mul_overflows(size - 1, static_cast<uint64_t>(strides[d]), &step);
    overflows |= c10::add_overflows(last, step, &last);
  }
  constexpr uint64_t kLargest = uint64_t{1} << 58;  // in bytes still an int64
  if (overflows || extent.elements > kLargest || last > kLargest) throw_shape("has more elements than can be");
  if (is_empty) return {0, static_cast<uint64_t>(offset)};
  extent.reach = last + 1;
  return extent;
}

}  // namespace

at::Tensor storage_of_bytes(const at::Tensor& bytes, int64_t offset, int64_t length, int64_t alignment) {
  if (offset < 0 || length < 0 || offset > bytes.numel() || length > bytes.numel() - offset) {
    throw_shape("bytes [" + std::to_string(offset) + ", +" + std::to_string(length) + ") of " +
                std::to_string(bytes.numel()));
  }
  if (alignment < 1)
    throw Error("ERR_INVALID_ARG_VALUE", "expected an alignment of at least 1, got " + std::to_string(alignment));
  if (length == 0) return at::empty({0}, at::kByte);
  auto* const first = static_cast<char*>(bytes.mutable_data_ptr()) + offset;
  if (reinterpret_cast<std::uintptr_t>(first) % static_cast<std::uintptr_t>(alignment) != 0) {
    return bytes.narrow(0, offset, length).clone();
  }
  // Of a file that is mapped no part is owned, else each part is.
  at::DataPtr data = owned_bytes(*bytes.storage().unsafeGetStorageImpl()) == 0
                         ? borrowed_memory(first, std::make_shared<at::Tensor>(bytes))
                         : at::DataPtr(
                               first, new at::Tensor(bytes),
                               [](void* owner) { delete static_cast<at::Tensor*>(owner); }, at::Device(at::kCPU));
  return over(c10::Storage(c10::Storage::use_byte_size_t(), static_cast<size_t>(length), std::move(data),
                           /*allocator=*/nullptr, /*resizable=*/false));
}

int64_t align_bytes(const at::Tensor& bytes, int64_t offset, int64_t alignment) {
  if (offset < 0 || offset > bytes.numel() || alignment < 1) throw_shape("offset " + std::to_string(offset));
  if (offset == bytes.numel()) return 0;
  auto* const first = static_cast<char*>(bytes.mutable_data_ptr()) + offset;
  const auto excess =
      static_cast<int64_t>(reinterpret_cast<std::uintptr_t>(first) % static_cast<std::uintptr_t>(alignment));
  if (excess == 0 || excess > offset) return 0;
  std::memmove(first - excess, first, static_cast<size_t>(bytes.numel() - offset));
  return excess;
}

at::Tensor tensor_in_storage(const at::Tensor& bytes, at::ScalarType type, int64_t offset, at::IntArrayRef sizes,
                             at::IntArrayRef strides, bool requires_grad) {
  if (requires_grad && !at::isFloatingType(type) && !at::isComplexType(type))
    throw_shape("requires gradients of integers");
  const at::Tensor tensor = at::empty({0}, bytes.options().dtype(type));
  place_in_storage(tensor, bytes, offset, sizes, strides);
  return tensor.requires_grad_(requires_grad);
}

void place_in_storage(const at::Tensor& tensor, const at::Tensor& bytes, int64_t offset, at::IntArrayRef sizes,
                      at::IntArrayRef strides) {
  const Extent extent = extent_of(offset, sizes, strides);
  const uint64_t available = bytes.storage().nbytes() / c10::elementSize(tensor.scalar_type());
  if (extent.reach > available) {
    throw_shape("reaches element " + std::to_string(extent.reach) + " of a storage of " + std::to_string(available));
  }
  if (extent.elements > std::max(available, kMaxRepeated)) {
    throw_shape("repeats " + std::to_string(available) + " elements as " + std::to_string(extent.elements));
  }
  const size_t size = c10::elementSize(tensor.scalar_type());
  const size_t alignment = c10::isComplexType(tensor.scalar_type()) ? size / 2 : size;
  if (bytes.is_cpu() && reinterpret_cast<std::uintptr_t>(bytes.storage().data()) % alignment != 0) {
    throw_shape("begins at no multiple of the size of its elements");
  }
  tensor.set_(bytes.storage(), offset, sizes, strides);
}

bool are_bools(const at::Tensor& bytes) { return bytes.numel() == 0 || bytes.max().item<uint8_t>() <= 1; }

const char* storage_kind(const at::Tensor& tensor) {
  if (tensor.is_meta()) return "meta";
  if (tensor.is_nested()) return "nested";
  switch (tensor.layout()) {
    case at::kStrided: break;
    case at::kMkldnn:
    case at::kJagged: return "other";
    default: return "sparse";
  }
  if (!tensor.has_storage()) return "other";
  return tensor.is_quantized() ? "quantized" : "dense";
}

at::Tensor bytes_of_storage(const at::Tensor& tensor) {
  const std::string kind = storage_kind(tensor);
  if (kind != "dense" && kind != "quantized")
    throw Error("ERR_INVALID_ARG_VALUE", "expected dense tensors, got one of kind \"" + kind + "\"");
  return over(tensor.storage());
}

}  // namespace continual
