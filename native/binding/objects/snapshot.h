// The JavaScript handle of a copy of a model that is brought up to date in place.
#pragma once

#include "binding/objects/module.h"
#include "binding/util/wrapped.h"
#include "core/models/model_snapshot.h"

namespace continual::binding {

/// A snapshot and the model that it is taken of.
struct SharedSnapshot {
  std::shared_ptr<ModelSnapshot> snapshot;
  std::shared_ptr<Shared<Model>> original;
  std::vector<std::shared_ptr<Shared<Model>>> copies;
};

class SnapshotHandle : public Wrapped<SnapshotHandle, SharedSnapshot> {
 public:
  static constexpr const char* kName = "Snapshot";

  static void define(Napi::Env env, Napi::Object exports);

  explicit SnapshotHandle(const Napi::CallbackInfo& info) : Wrapped(info) {}

 private:
  Napi::Value modules(const Napi::CallbackInfo& info);
  Napi::Value tensors(const Napi::CallbackInfo& info);
  Napi::Value fits(const Napi::CallbackInfo& info);
  Napi::Value refresh(const Napi::CallbackInfo& info);
};

}  // namespace continual::binding
