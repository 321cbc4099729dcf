#include <filesystem>
#include <fstream>

#include "core/files/byte_storage.h"
#include "core/memory/held_storages.h"
#include "core/memory/owned_memory.h"
#include "core/memory/slots.h"
#include "test/check.h"

namespace continual::test {
namespace {

const c10::StorageImpl* storage_of(const at::Tensor& tensor) { return tensor.storage().unsafeGetStorageImpl(); }

int64_t owned(const at::Tensor& tensor) { return owned_bytes(*storage_of(tensor)); }

struct Pair {
  int64_t first = 0, second = 0, third = 0;  // does not divide a block evenly
};

void only_slots_are_found() {
  Slots<Pair> slots, others;
  Pair outside;
  std::vector<Pair*> taken;
  for (int i = 0; i < 1000; ++i) taken.push_back(slots.take());
  for (Pair* slot : taken) EXPECT(slots.find(slot) == slot);
  for (Pair* slot : taken) EXPECT(others.find(slot) == nullptr);
  for (const std::uintptr_t address : {0, 1, 8, 8192, 24})
    EXPECT(slots.find(reinterpret_cast<void*>(address)) == nullptr);
  EXPECT(slots.find(&outside) == nullptr);
  EXPECT(slots.find(reinterpret_cast<char*>(taken[0]) + 8) == nullptr);
  const auto block = reinterpret_cast<std::uintptr_t>(taken[0]) / 8192 * 8192;
  EXPECT(slots.find(reinterpret_cast<void*>(block + 8184)) == nullptr);  // behind the last whole one
  slots.give_back(taken[7]);
  EXPECT(slots.take() == taken[7]);
}

void each_storage_counts_once() {
  HeldStorages held;
  const at::Tensor x = at::zeros({10});
  const at::Tensor row = x.narrow(0, 2, 3);
  const at::Tensor y = at::zeros({2});
  EXPECT(held.add(storage_of(x), owned(x)) == 40);
  EXPECT(held.add(storage_of(row), owned(row)) == 0);
  EXPECT(held.add(storage_of(y), owned(y)) == 8);
  EXPECT(held.bytes() == 48);
  held.remove(storage_of(x));
  EXPECT(held.bytes() == 48);  // the view still holds it
  held.remove(storage_of(row));
  EXPECT(held.bytes() == 8);
  held.remove(storage_of(row));  // of one that nobody holds
  EXPECT(held.bytes() == 8);
  EXPECT(held.add(storage_of(y), 100) == 92);  // grown
  EXPECT(held.bytes() == 100);
  EXPECT(held.add(storage_of(y), 4) == 0);  // shrunk
  EXPECT(held.bytes() == 4);
  held.clear();
  EXPECT(held.bytes() == 0);
}

void only_own_memory_counts() {
  EXPECT(owned(at::zeros({3}, at::kHalf).expand({3})) == 6);
  EXPECT(owned(at::ones({1}).expand({int64_t{1} << 60})) == 4);
  EXPECT(owned(at::empty({int64_t{1} << 50}, at::kMeta)) == 0);
  EXPECT(owned(at::empty({0})) == 0);

  bool is_released = false;
  float elements[4] = {1, 2, 3, 4};
  {
    c10::Storage storage(
        c10::Storage::use_byte_size_t(), sizeof(elements),
        borrowed_memory(elements,
                        std::shared_ptr<void>(&is_released, [](void* flag) { *static_cast<bool*>(flag) = true; })),
        /*allocator=*/nullptr, /*resizable=*/false);
    const at::Tensor x = at::empty({0}).set_(std::move(storage), 0, {4}, {1});
    EXPECT(owned(x) == 0);
    EXPECT(x.sum().item<float>() == 10);
    EXPECT(!is_released);
  }
  EXPECT(is_released);

  const auto path = std::filesystem::temp_directory_path() / c10::str("continual-torch-held-memory-", &is_released);
  std::ofstream(path, std::ios::binary) << std::string(64, 'x');
  const at::Tensor file = at::from_file(path.string(), /*shared=*/false, 64, at::kByte);
  EXPECT(owned(file) == 0);
  EXPECT(owned(storage_of_bytes(file, 8, 16, 8)) == 0);
  EXPECT(owned(storage_of_bytes(at::zeros({64}, at::kByte), 8, 16, 8)) == 16);
  std::filesystem::remove(path);
}

}  // namespace

void held_memory() {
  only_slots_are_found();
  each_storage_counts_once();
  only_own_memory_counts();
}

}  // namespace continual::test
