#include "core/small_blocks.h"

#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>

#include <array>
#include <mutex>

#include "core/torch.h"

namespace continual {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kClasses = 8;                    // of 64, 128, ... 512 bytes
constexpr size_t kBytesKept = size_t{1} << 20;    // of each class, on each thread

/// The free blocks of one size on one thread, each of which holds the address of the next.
struct FreeList {
  void* first = nullptr;
  size_t count = 0;
};

/// Belongs to one thread. A block may be freed on another thread than it was made on, and is that thread's then.
struct FreeLists {
  std::array<FreeList, kClasses> of_class;

  ~FreeLists() {
    for (FreeList& list : of_class) {
      while (list.first != nullptr) {
        void* block = list.first;
        list.first = *static_cast<void**>(block);
        c10::free_cpu(block);
      }
      list.count = kBytesKept;  // What is freed after the thread's end goes straight to malloc.
    }
  }
};

FreeList& free_list(size_t size_class) {
  static thread_local FreeLists lists;
  return lists.of_class[size_class];
}

template <size_t size_class>
void free_block(void* block) {
  constexpr size_t kMost = kBytesKept / ((size_class + 1) * kAlignment);
  FreeList& list = free_list(size_class);
  if (list.count >= kMost) {
    c10::free_cpu(block);
    return;
  }
  *static_cast<void**>(block) = list.first;
  list.first = block;
  ++list.count;
}

constexpr std::array<c10::DeleterFnPtr, kClasses> kDeleters{&free_block<0>, &free_block<1>, &free_block<2>,
                                                            &free_block<3>, &free_block<4>, &free_block<5>,
                                                            &free_block<6>, &free_block<7>};

class SmallBlocks final : public c10::Allocator {
 public:
  explicit SmallBlocks(c10::Allocator* large) : large_(large) {}

  c10::DataPtr allocate(size_t bytes) override {
    if (bytes == 0 || bytes > kClasses * kAlignment) return large_->allocate(bytes);
    const size_t size_class = (bytes - 1) / kAlignment;
    FreeList& list = free_list(size_class);
    void* block = list.first;
    if (block != nullptr) {
      list.first = *static_cast<void**>(block);
      --list.count;
    } else {
      block = c10::alloc_cpu((size_class + 1) * kAlignment);
    }
    return {block, block, kDeleters[size_class], at::Device(at::kCPU)};
  }

  /// For those who take the memory alone, as oneDNN does: every block comes from `alloc_cpu`, and may go back there.
  c10::DeleterFnPtr raw_deleter() const override { return &c10::free_cpu; }

  void copy_data(void* to, const void* from, size_t count) const override { default_copy_data(to, from, count); }

 private:
  c10::Allocator* large_;
};

}  // namespace

void keep_small_blocks() {
  static std::once_flag once;
  // Never destroyed: tensors may outlive everything else.
  std::call_once(once, [] { c10::SetCPUAllocator(new SmallBlocks(c10::GetCPUAllocator()), /*priority=*/1); });
}

}  // namespace continual
