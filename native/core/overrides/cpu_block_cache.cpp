#include "core/overrides/cpu_block_cache.h"

#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <mutex>
#include <utility>

#include "core/memory/poison.h"
#include "core/overrides/overrides.h"
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
constexpr size_t kLargeBytesKept = size_t{1} << 30;  // of all classes together

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

/// Free blocks of one size, each of which holds the address of the next in its header.
class FreeList {
 public:
  size_t count() const { return count_; }

  void push(void* block) {
    *static_cast<void**>(block) = first_;
    first_ = block;
    ++count_;
  }

  /// Null where there is none.
  void* pop() {
    if (first_ == nullptr) return nullptr;
    --count_;
    return std::exchange(first_, *static_cast<void**>(first_));
  }

  void release() {
    while (void* block = pop()) c10::free_cpu(block);
  }

 private:
  void* first_ = nullptr;
  size_t count_ = 0;
};

/// Belongs to one thread. A block may be freed on another thread than it was made on, and is that thread's then.
struct SmallBlocks {
  std::array<FreeList, kSmallClasses> of_class;
  /// What is freed after the thread's end goes straight to malloc. No member: the compiler leaves out what is written to
  /// those last.
  static thread_local bool is_over;

  ~SmallBlocks() {
    for (FreeList& list : of_class) list.release();
    is_over = true;
  }

  static SmallBlocks& of_thread() {
    static thread_local SmallBlocks blocks;
    return blocks;
  }
};

thread_local bool SmallBlocks::is_over = false;

/// Of all threads: what a training step has made may be freed by JavaScript, and is wanted by the next step.
class LargeBlocks {
 public:
  static LargeBlocks& of_process() {
    static auto& blocks = *new LargeBlocks();  // tensors may outlive everything else
    return blocks;
  }

  void keep(bool on) {
    const std::lock_guard lock(mutex_);
    keepers_ += on ? 1 : -1;
    if (keepers_ == 0) release_all();
  }

  /// False where there was nothing to give back.
  bool release() {
    const std::lock_guard lock(mutex_);
    if (bytes_ == 0) return false;
    release_all();
    return true;
  }

  void* take(size_t block_class) {
    const std::lock_guard lock(mutex_);
    void* block = of_class_[block_class - kSmallClasses].pop();
    if (block != nullptr) bytes_ -= size_of(block_class);
    return block;
  }

  /// False where the block is not kept.
  bool put(size_t block_class, void* block) {
    const std::lock_guard lock(mutex_);
    if (keepers_ == 0 || bytes_ + size_of(block_class) > kLargeBytesKept) return false;
    of_class_[block_class - kSmallClasses].push(block);
    bytes_ += size_of(block_class);
    return true;
  }

 private:
  void release_all() {
    for (FreeList& list : of_class_) list.release();
    bytes_ = 0;
  }

  std::mutex mutex_;
  std::array<FreeList, kClasses - kSmallClasses> of_class_;
  size_t bytes_ = 0;
  int keepers_ = 0;
};

std::atomic<uint64_t> from_system{0};

// Before each block stands its class, so that whoever keeps a bare pointer (oneDNN, to its scratch memory) can give it back.
constexpr size_t kHeader = kAlignment;

/// The data of a block, of which no more than was asked for may be touched.
void* with_header(void* block, size_t block_class, size_t bytes) {
  *static_cast<size_t*>(block) = block_class;
  void* data = static_cast<char*>(block) + kHeader;
  forbid(block, kHeader);
  if (block_class < kClasses) forbid(data, size_of(block_class));
  allow(data, bytes);
  return data;
}

void free_block(void* data) {
  if (data == nullptr) return;
  require_allowed(data);  // it is not free yet
  void* block = static_cast<char*>(data) - kHeader;
  allow(block, kHeader);
  const size_t block_class = *static_cast<size_t*>(block);
  if (block_class < kClasses) forbid(data, size_of(block_class));
  if (block_class < kSmallClasses) {
    SmallBlocks& blocks = SmallBlocks::of_thread();
    FreeList& list = blocks.of_class[block_class];
    if (!SmallBlocks::is_over && list.count() < kSmallBytesKept / size_of(block_class)) return list.push(block);
  } else if (block_class < kClasses && LargeBlocks::of_process().put(block_class, block)) {
    return;
  }
  c10::free_cpu(block);
}

void* allocate_from_system(size_t bytes) {
  from_system.fetch_add(1, std::memory_order_relaxed);
  try {
    return c10::alloc_cpu(bytes);
  } catch (const c10::Error&) {
    // What is kept for a next iteration may be what is missing in this one.
    if (!LargeBlocks::of_process().release()) throw;
    return c10::alloc_cpu(bytes);
  }
}

class KeptBlocks final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    bytes = std::max<size_t>(bytes, 1);
    const size_t block_class = class_for(bytes);
    void* block = nullptr;
    if (block_class < kSmallClasses) block = SmallBlocks::of_thread().of_class[block_class].pop();
    else if (block_class < kClasses) block = LargeBlocks::of_process().take(block_class);
    if (block == nullptr) {
      const size_t wanted = block_class < kClasses ? size_of(block_class) : bytes;
      // Refuses a size of 2^63 and more, which with the header might be a small one.
      block = allocate_from_system(std::max(wanted, wanted + kHeader));
    }
    void* data = with_header(block, block_class, bytes);
    return {data, data, &free_block, at::Device(at::kCPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &free_block; }

  void copy_data(void* to, const void* from, size_t count) const override { default_copy_data(to, from, count); }
};

/// How long it takes to get some small blocks and give them back: the best of a few rounds.
template <typename Get, typename GiveBack>
std::chrono::nanoseconds time_of(const Get& get, const GiveBack& give_back) {
  using Clock = std::chrono::steady_clock;
  constexpr int kRounds = 8;
  auto best = std::chrono::nanoseconds::max();
  for (int round = 0; round < kRounds; ++round) {
    std::array<void*, 64> blocks{};
    const auto start = Clock::now();
    for (void*& block : blocks) block = get();
    for (void* block : blocks) give_back(block);
    best = std::min(best, std::chrono::nanoseconds(Clock::now() - start));
  }
  return best;
}

/// Everywhere, with every libtorch, unless malloc keeps blocks as well by itself, as a preloaded one may. Which of the
/// two gives memory changes no result: here the clock may decide, in some fifty microseconds.
Fitness fitness_of_kept_blocks(KeptBlocks& ours) {
  constexpr size_t kBytes = 256;
  const auto by_us = time_of([&] { return ours.allocate(kBytes).release_context(); }, free_block);
  const auto by_malloc = time_of([] { return c10::alloc_cpu(kBytes); }, c10::free_cpu);
  if (by_us * 4 < by_malloc * 3) return {};
  return {.why_not_worth_it = "malloc is about as quick"};
}

}  // namespace

bool keep_small_blocks() {
  static const bool are_kept = [] {
    auto& ours = *new KeptBlocks();  // never destroyed: tensors may outlive everything else
    if (!is_to_go_on("kept blocks", fitness_of_kept_blocks(ours))) return false;
    c10::SetCPUAllocator(&ours, /*priority=*/1);
    return true;
  }();
  return are_kept;
}

void keep_large_blocks(bool on) {
  struct Keeper {
    bool is_on = false;
    ~Keeper() { set(false); }
    void set(bool now) {
      if (std::exchange(is_on, now) != now) LargeBlocks::of_process().keep(now);
    }
  };
  static thread_local Keeper keeper;
  keeper.set(on);
}

uint64_t blocks_from_system() { return from_system; }

}  // namespace continual
