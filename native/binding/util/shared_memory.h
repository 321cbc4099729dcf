// Memory of JavaScript's that tensors lie on.
//
// A tensor's memory is let go of on whatever thread drops it last, a JavaScript reference only on its environment's
// thread: references come to rest in a list that `LiveTensors::sweep` empties there.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "binding/util/napi_setup.h"

namespace continual::binding {

/// References that no tensor needs any more.
class ReleasedMemory {
 public:
  void add(napi_ref reference);
  /// On the environment's thread.
  void free_all(Napi::Env env);

 private:
  std::mutex mutex_;
  std::vector<napi_ref> references_;
};

/// Keeps a typed array's memory where it is for as long as this lives.
class SharedMemory {
 public:
  /// Throws ERR_INVALID_ARG_TYPE for anything but a typed array on a SharedArrayBuffer: that of an ArrayBuffer can be
  /// transferred to another owner, who frees it.
  static std::shared_ptr<SharedMemory> hold(Napi::Env env, const Napi::Value& typed_array);

  SharedMemory(napi_ref reference, std::shared_ptr<ReleasedMemory> released)
      : reference_(reference), released_(std::move(released)) {}
  ~SharedMemory() { released_->add(reference_); }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

 private:
  napi_ref reference_;
  std::shared_ptr<ReleasedMemory> released_;
};

}  // namespace continual::binding
