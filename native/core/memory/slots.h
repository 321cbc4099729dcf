// Objects that JavaScript's external values point to.
//
// An external may come from any addon, and tells nothing of what it points to: these objects lie in blocks that are
// known, so that a pointer is told to be one of them without a read of what it points to. (Node has type tags for
// externals too, but only from 20.12 on.)
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_set>
#include <vector>

namespace continual {

template <typename T>
class Slots {
 public:
  /// One that is not in use; as it was given back.
  T* take() {
    if (free_.empty()) add_block();
    T* slot = free_.back();
    free_.pop_back();
    return slot;
  }

  void give_back(T* slot) { free_.push_back(slot); }

  /// null where the pointer is not to one of them, whatever it is.
  T* find(void* pointer) {
    const auto address = reinterpret_cast<std::uintptr_t>(pointer);
    const std::uintptr_t offset = address % kBlock;
    if (address - offset != last_found_) {
      if (starts_.count(address - offset) == 0) return nullptr;
      last_found_ = address - offset;
    }
    return offset % sizeof(T) == 0 && offset / sizeof(T) < kCount ? static_cast<T*>(pointer) : nullptr;
  }

 private:
  static constexpr size_t kBlock = 8192;  // what every compiler can align to
  static constexpr size_t kCount = kBlock / sizeof(T);
  struct alignas(kBlock) Block {
    std::array<T, kCount> slots{};
  };

  void add_block() {
    blocks_.push_back(std::make_unique<Block>());
    Block& block = *blocks_.back();
    starts_.insert(reinterpret_cast<std::uintptr_t>(&block));
    for (T& slot : block.slots) free_.push_back(&slot);
  }

  std::vector<std::unique_ptr<Block>> blocks_;
  std::unordered_set<std::uintptr_t> starts_;
  std::uintptr_t last_found_ = 1;  // where no block begins
  std::vector<T*> free_;
};

}  // namespace continual
