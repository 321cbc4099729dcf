#pragma once

#include "binding/util/wrapped.h"
#include "core/data/minibatches.h"

namespace continual::binding {

/// One pass over a dataset. `lib/` gives it either to a training step or to a user's loop, never to both.
class MiniBatchesHandle : public Wrapped<MiniBatchesHandle, std::shared_ptr<MiniBatches>> {
 public:
  static constexpr const char* kName = "MiniBatches";

  static void define(Napi::Env env, Napi::Object exports);

  explicit MiniBatchesHandle(const Napi::CallbackInfo& info) : Wrapped(info) {}

 private:
  Napi::Value length(const Napi::CallbackInfo& info);
  Napi::Value next(const Napi::CallbackInfo& info);
  Napi::Value position(const Napi::CallbackInfo& info);
  Napi::Value go_to(const Napi::CallbackInfo& info);
};

}  // namespace continual::binding
