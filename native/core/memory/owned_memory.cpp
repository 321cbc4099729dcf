#include "core/memory/owned_memory.h"

#include <ATen/MapAllocator.h>

#include <utility>

namespace continual {
namespace {

void release_owner(void* owner) { delete static_cast<std::shared_ptr<void>*>(owner); }

bool is_mapped(const c10::DataPtr& data) {
  return at::MapAllocator::fromDataPtr(data) != nullptr || at::RefcountedMapAllocator::fromDataPtr(data) != nullptr;
}

}  // namespace

c10::DataPtr borrowed_memory(void* data, std::shared_ptr<void> owner) {
  return {data, new std::shared_ptr<void>(std::move(owner)), release_owner, at::Device(at::kCPU)};
}

int64_t owned_bytes(const c10::StorageImpl& storage) {
  const c10::DataPtr& data = storage.data_ptr();
  if (data.get() == nullptr) return 0;
  // What an allocator has given is neither borrowed nor mapped: most storages.
  if (storage.allocator() == nullptr && (data.get_deleter() == release_owner || is_mapped(data))) return 0;
  return static_cast<int64_t>(storage.nbytes());
}

}  // namespace continual
