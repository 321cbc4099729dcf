// The tensors that JavaScript holds, and how they are let go of.
//
// JavaScript holds a tensor as an external value that points to a `HeldTensor`. A finalizer on each would wait for the
// event loop, so that a synchronous loop would never give memory back. Instead each has a weak reference, and `sweep`
// frees those that were collected: whenever enough was made since the last sweep, after a collection as soon as the
// event loop turns, and when somebody counts.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "binding/util/napi_setup.h"
#include "binding/util/shared_memory.h"
#include "core/memory/held_storages.h"
#include "core/memory/slots.h"
#include "core/torch.h"

namespace continual::binding {

struct HeldTensor {
  at::Tensor tensor;  // undefined once disposed
  napi_ref weak = nullptr;
  const c10::StorageImpl* storage = nullptr;  // what it lay on when it was counted
  int64_t bytes = 0;                          // what that owns
};

/// Belongs to one environment and its thread.
class LiveTensors : public std::enable_shared_from_this<LiveTensors> {
 public:
  Napi::Value hold(Napi::Env env, at::Tensor tensor);
  /// null where the pointer of an external is not to a tensor held here.
  HeldTensor* find(void* pointer) { return slots_.find(pointer); }
  /// Lets go of the memory; the value that JavaScript holds stays valid and stands for a disposed tensor.
  void dispose(Napi::Env env, HeldTensor& held);
  /// Frees what JavaScript has collected.
  void sweep(Napi::Env env);
  /// Sweeps when a collection has been, from the event loop.
  void sweep_after_collections(Napi::Env env);
  /// Frees everything: the environment ends.
  void end(Napi::Env env);

  const std::shared_ptr<ReleasedMemory>& released() const { return released_; }

  int64_t count() const { return count_; }
  /// What the storages own that the tensors lie on now.
  int64_t count_bytes();

 private:
  bool is_sweep_due() const;
  int64_t add_storage(HeldTensor& held);
  void forget(const HeldTensor& held);
  /// The slot, free for another tensor.
  HeldTensor* free_collected(Napi::Env env);
  void free_all_collected(Napi::Env env);
  void report(Napi::Env env, int64_t least);

  std::shared_ptr<ReleasedMemory> released_ = std::make_shared<ReleasedMemory>();
  Slots<HeldTensor> slots_;
  std::vector<HeldTensor*> held_;
  // Collected, but small: two are freed for each that is made. Freed all at once they would leave malloc with thousands
  // of chunks to sort and join, which takes longer than a small operator; freed one by one they are the next one's
  // memory.
  std::vector<HeldTensor*> collected_;
  HeldStorages storages_;
  int64_t count_ = 0;     // without disposed ones
  int64_t reported_ = 0;  // bytes that V8 has been told of
  // Since the last sweep, and what was left by it.
  int64_t made_ = 0;
  int64_t made_bytes_ = 0;
  int64_t left_ = 0;
  int64_t left_bytes_ = 0;
  bool has_ended_ = false;
};

}  // namespace continual::binding
