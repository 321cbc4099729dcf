#pragma once

#include "binding/util/occupation.h"
#include "binding/util/wrapped.h"
#include "core/regularization/plugin_phase.h"

namespace continual::binding {

/// A phase, and what nobody else may use while it runs.
struct OwnedPhase {
  std::shared_ptr<PluginPhase> phase;
  std::shared_ptr<Occupation> owner;
};

/// What every method gives JavaScript for its phases, so that a plan knows no method.
class PluginPhaseHandle : public Wrapped<PluginPhaseHandle, OwnedPhase> {
 public:
  static constexpr const char* kName = "PluginPhase";

  static void define(Napi::Env env, Napi::Object exports);
  static Napi::Object wrap(Napi::Env env, OwnedPhase phase);

  explicit PluginPhaseHandle(const Napi::CallbackInfo& info) : Wrapped(info) {}
};

}  // namespace continual::binding
