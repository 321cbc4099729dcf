#include "core/kept_blocks.h"

#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>

#include <array>
#include <bit>
#include <mutex>
#include <utility>

#include "core/torch.h"

namespace continual {
namespace {

// Small classes: 64, 128, ... 512 bytes. Large ones: four sizes to each doubling above, up to 128 MiB.
constexpr size_t kAlignment = 64;
constexpr size_t kSmallClasses = 8;
constexpr size_t kLargestSmall = kSmallClasses * kAlignment;
constexpr size_t kSteps = 4;
constexpr size_t kDoublings = 18;
constexpr size_t kClasses = kSmallClasses + kDoublings * kSteps;
constexpr size_t kSmallBytesKept = size_t{1} << 20;  // of each class, on each thread
constexpr size_t kLargeBytesKept = size_t{1} << 30;  // of all classes, on each thread

constexpr size_t size_of(size_t block_class) {
  if (block_class < kSmallClasses) return (block_class + 1) * kAlignment;
  const size_t step = block_class - kSmallClasses;
  const size_t doubled = kLargestSmall << (step / kSteps);
  return doubled + doubled / kSteps * (step % kSteps + 1);
}

/// kClasses where none is large enough.
size_t class_for(size_t bytes) {
  if (bytes <= kLargestSmall) return (bytes - 1) / kAlignment;
  const size_t doubling = static_cast<size_t>(std::bit_width((bytes - 1) / kLargestSmall)) - 1;
  const size_t doubled = kLargestSmall << doubling;
  const size_t step = (bytes - 1 - doubled) / (doubled / kSteps);
  return std::min(kSmallClasses + doubling * kSteps + step, kClasses);
}

/// The free blocks of one size on one thread, each of which holds the address of the next.
struct FreeList {
  void* first = nullptr;
  size_t count = 0;
};

/// Belongs to one thread. A block may be freed on another thread than it was made on, and is that thread's then.
struct FreeLists {
  std::array<FreeList, kClasses> of_class;
  bool keeps_large = false;
  bool is_over = false;
  size_t large_bytes = 0;
  uint64_t from_system = 0;

  ~FreeLists() {
    release(0);
    is_over = true;  // What is freed after the thread's end goes straight to malloc.
  }

  void release(size_t from_class) {
    for (size_t i = from_class; i < kClasses; ++i) {
      FreeList& list = of_class[i];
      while (list.first != nullptr) {
        void* block = std::exchange(list.first, *static_cast<void**>(list.first));
        c10::free_cpu(block);
      }
      list.count = 0;
    }
    large_bytes = 0;
  }
};

FreeLists& free_lists() {
  static thread_local FreeLists lists;
  return lists;
}

template <size_t block_class>
void free_block(void* block) {
  constexpr bool kIsSmall = block_class < kSmallClasses;
  FreeLists& lists = free_lists();
  FreeList& list = lists.of_class[block_class];
  const bool is_kept = kIsSmall ? list.count < kSmallBytesKept / size_of(block_class)
                                : lists.keeps_large && lists.large_bytes + size_of(block_class) <= kLargeBytesKept;
  if (!is_kept || lists.is_over) {
    c10::free_cpu(block);
    return;
  }
  if (!kIsSmall) lists.large_bytes += size_of(block_class);
  *static_cast<void**>(block) = list.first;
  list.first = block;
  ++list.count;
}

template <size_t... block_class>
constexpr std::array<c10::DeleterFnPtr, kClasses> deleters(std::index_sequence<block_class...>) {
  return {&free_block<block_class>...};
}
constexpr std::array<c10::DeleterFnPtr, kClasses> kDeleters = deleters(std::make_index_sequence<kClasses>());

class KeptBlocks final : public c10::Allocator {
 public:
  explicit KeptBlocks(c10::Allocator* system) : system_(system) {}

  c10::DataPtr allocate(size_t bytes) override {
    if (bytes == 0) return system_->allocate(bytes);
    FreeLists& lists = free_lists();
    const size_t block_class = class_for(bytes);
    if (block_class == kClasses || (block_class >= kSmallClasses && !lists.keeps_large)) {
      ++lists.from_system;
      return system_->allocate(bytes);
    }
    FreeList& list = lists.of_class[block_class];
    void* block = list.first;
    if (block != nullptr) {
      list.first = *static_cast<void**>(block);
      --list.count;
      if (block_class >= kSmallClasses) lists.large_bytes -= size_of(block_class);
    } else {
      ++lists.from_system;
      block = c10::alloc_cpu(size_of(block_class));
    }
    return {block, block, kDeleters[block_class], at::Device(at::kCPU)};
  }

  /// For callers that keep bare pointers (oneDNN's scratch memory): every block came from `alloc_cpu` and may go back.
  c10::DeleterFnPtr raw_deleter() const override { return system_->raw_deleter(); }

  void copy_data(void* to, const void* from, size_t count) const override { default_copy_data(to, from, count); }

 private:
  c10::Allocator* system_;
};

}  // namespace

void keep_small_blocks() {
  static std::once_flag once;
  // Never destroyed: tensors may outlive everything else.
  std::call_once(once, [] { c10::SetCPUAllocator(new KeptBlocks(c10::GetCPUAllocator()), /*priority=*/1); });
}

void keep_large_blocks(bool on) {
  FreeLists& lists = free_lists();
  lists.keeps_large = on;
  if (!on) lists.release(kSmallClasses);
}

uint64_t blocks_from_system() { return free_lists().from_system; }

}  // namespace continual
