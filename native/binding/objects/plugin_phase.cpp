// The JavaScript handle of a phase that a plugin adds to an iteration.
#include "binding/objects/plugin_phase.h"

namespace continual::binding {

void PluginPhaseHandle::define(Napi::Env env, Napi::Object /*exports*/) {
  Environment::of(env).plugin_phase_class = Napi::Persistent(DefineClass(env, kName, {}));
}

Napi::Object PluginPhaseHandle::wrap(Napi::Env env, OwnedPhase phase) {
  return make(Environment::of(env).plugin_phase_class, std::move(phase));
}

}  // namespace continual::binding
