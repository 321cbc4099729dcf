#include "test/standin/arena.h"

#include <execinfo.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <map>
#include <mutex>
#include <set>

#include "test/standin/device.h"

namespace continual::standin {
namespace {

constexpr size_t kArena = size_t{1} << 36;  // addresses, not memory
constexpr size_t kSmallest = 64;
constexpr size_t kGivenBack = size_t{1} << 16;  // blocks from here on leave no memory behind

/// One file without a name, mapped twice: for the host out of bounds, for kernels as memory.
class Arena {
 public:
  Arena() {
    const int file = memfd_create("stand-in device", MFD_CLOEXEC);
    TORCH_CHECK(file >= 0 && ftruncate(file, kArena) == 0, "stand-in device: no memory file");
    host_ = static_cast<char*>(map(file, PROT_NONE));
    kernels_ = static_cast<char*>(map(file, PROT_READ | PROT_WRITE));
    close(file);
  }

  void* allocate(size_t bytes) {
    if (bytes == 0) return nullptr;
    const size_t size = std::bit_ceil(std::max(std::min(bytes, kArena), kSmallest));
    const std::lock_guard lock(mutex_);
    std::vector<size_t>& free = free_[size];
    size_t offset = 0;
    if (!free.empty()) {
      offset = free.back();
      free.pop_back();
    } else {
      if (size >= kGivenBack) used_ = (used_ + page_ - 1) / page_ * page_;
      if (bytes > kArena || used_ + size > kArena) {
        C10_THROW_ERROR(OutOfMemoryError,
                        c10::str("stand-in device out of memory: tried to allocate ", bytes, " bytes"));
      }
      offset = used_;
      used_ += size;
    }
    sizes_[offset] = size;
    return host_ + offset;
  }

  void release(void* pointer) {
    if (pointer == nullptr) return;
    const std::lock_guard lock(mutex_);
    const size_t offset = static_cast<size_t>(static_cast<char*>(pointer) - host_);
    const auto found = sizes_.find(offset);
    if (found->second >= kGivenBack) madvise(kernels_ + offset, found->second, MADV_REMOVE);
    free_[found->second].push_back(offset);
    sizes_.erase(found);
  }

  bool has(const void* pointer) const { return pointer >= host_ && pointer < host_ + kArena; }

  void* seen_by_kernels(void* pointer) const {
    TORCH_CHECK(pointer == nullptr || has(pointer), "stand-in device: a kernel was given a pointer of the host's");
    return pointer == nullptr ? nullptr : kernels_ + (static_cast<char*>(pointer) - host_);
  }

 private:
  static void* map(int file, int protection) {
    void* address = mmap(nullptr, kArena, protection, MAP_SHARED | MAP_NORESERVE, file, 0);
    TORCH_CHECK(address != MAP_FAILED, "stand-in device: no addresses for its memory");
    madvise(address, kArena, MADV_DONTDUMP);
    return address;
  }

  char* host_ = nullptr;
  char* kernels_ = nullptr;
  const size_t page_ = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  std::mutex mutex_;
  size_t used_ = 0;
  std::map<size_t, std::vector<size_t>> free_;  // offsets by size
  std::unordered_map<size_t, size_t> sizes_;
};

/// Never destroyed: tensors of other static objects may outlive it.
Arena& arena() {
  static Arena& only = *new Arena;
  return only;
}

struct sigaction before;

/// Says who it was, and leaves the rest to whoever was asked before.
void on_fault(int number, siginfo_t* info, void* context) {
  if (arena().has(info->si_addr)) {
    constexpr char kMessage[] = "stand-in device: the host has touched its memory:\n";
    [[maybe_unused]] const auto written = write(STDERR_FILENO, kMessage, sizeof(kMessage) - 1);
    std::array<void*, 40> frames{};
    backtrace_symbols_fd(frames.data(), backtrace(frames.data(), frames.size()), STDERR_FILENO);
  }
  if ((before.sa_flags & SA_SIGINFO) != 0) return before.sa_sigaction(number, info, context);
  signal(number, SIG_DFL);  // the instruction runs again, and ends the process
}

class DeviceAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* pointer = arena().allocate(bytes);
    return {pointer, pointer, raw_deleter(), device()};
  }
  c10::DeleterFnPtr raw_deleter() const override {
    return [](void* pointer) { arena().release(pointer); };
  }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    std::memcpy(seen_by_kernels(to), seen_by_kernels(const_cast<void*>(from)), bytes);
  }
};

struct PinnedBlocks {
  std::mutex mutex;
  std::map<const char*, size_t> sizes;
};

PinnedBlocks& pinned_blocks() {
  static PinnedBlocks& only = *new PinnedBlocks;
  return only;
}

class PinnedAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* pointer = bytes == 0 ? nullptr : std::aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (bytes > 0 && pointer == nullptr) C10_THROW_ERROR(OutOfMemoryError, "no page-locked memory");
    if (pointer != nullptr) {
      const std::lock_guard lock(pinned_blocks().mutex);
      pinned_blocks().sizes[static_cast<char*>(pointer)] = bytes;
    }
    return {pointer, pointer, raw_deleter(), c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override {
    return [](void* pointer) {
      const std::lock_guard lock(pinned_blocks().mutex);
      pinned_blocks().sizes.erase(static_cast<char*>(pointer));
      std::free(pointer);
    };
  }
  void copy_data(void* to, const void* from, size_t bytes) const override { std::memcpy(to, from, bytes); }
};

}  // namespace

void report_touches() {
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, &before);
}

c10::Allocator* allocator() {
  static DeviceAllocator only;
  return &only;
}

void resize(const c10::Storage& storage, size_t bytes) {
  c10::DataPtr data = allocator()->allocate(bytes);
  const size_t kept = std::min(storage.nbytes(), bytes);
  if (kept > 0) allocator()->copy_data(data.get(), storage.data(), kept);
  storage.unsafeGetStorageImpl()->set_data_ptr_noswap(std::move(data));
  storage.set_nbytes(bytes);
}

void* seen_by_kernels(void* pointer) { return arena().seen_by_kernels(pointer); }

c10::Allocator* pinned_allocator() {
  static PinnedAllocator only;
  return &only;
}

bool is_pinned(const void* pointer) {
  const auto* address = static_cast<const char*>(pointer);
  const std::lock_guard lock(pinned_blocks().mutex);
  const auto& sizes = pinned_blocks().sizes;
  const auto after = sizes.upper_bound(address);
  return after != sizes.begin() && address < std::prev(after)->first + std::prev(after)->second;
}

}  // namespace continual::standin
