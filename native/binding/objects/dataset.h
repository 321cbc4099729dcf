#pragma once

#include "binding/util/wrapped.h"
#include "core/data/minibatches.h"

namespace continual::binding {

/// An immutable description of data: JavaScript only holds it.
class DatasetHandle : public Wrapped<DatasetHandle, std::shared_ptr<const Dataset>> {
 public:
  static constexpr const char* kName = "Dataset";

  static void define(Napi::Env env, Napi::Object exports);

  explicit DatasetHandle(const Napi::CallbackInfo& info) : Wrapped(info) {}
};

}  // namespace continual::binding
