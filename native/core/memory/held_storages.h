// The memory under the tensors that JavaScript holds, each storage once however many tensors lie on it.
#pragma once

#include <c10/util/flat_hash_map.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "core/torch.h"

namespace continual {

class HeldStorages {
 public:
  /// Counts a holder of a storage, and how many bytes that owns. Returns those that nobody had held before.
  int64_t add(const c10::StorageImpl* storage, int64_t bytes) {
    Held& held = held_[storage];
    ++held.holders;
    // Anew each time: a storage can grow, and another one can come to lie where one lay that was taken from its
    // holders.
    const int64_t more = bytes - std::exchange(held.bytes, bytes);
    bytes_ += more;
    return std::max<int64_t>(more, 0);
  }

  /// The storage may be gone.
  void remove(const c10::StorageImpl* storage) {
    const auto found = held_.find(storage);
    if (found == held_.end() || --found->second.holders > 0) return;
    bytes_ -= found->second.bytes;
    held_.erase(found);
  }

  void clear() {
    held_.clear();
    bytes_ = 0;
  }

  int64_t bytes() const { return bytes_; }

 private:
  struct Held {
    int64_t bytes = 0;
    int64_t holders = 0;
  };

  ska::flat_hash_map<const c10::StorageImpl*, Held> held_;
  int64_t bytes_ = 0;
};

}  // namespace continual
