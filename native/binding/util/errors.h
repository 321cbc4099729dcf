// Any C++ exception as a JavaScript error with a stable code, without libtorch's backtrace. Nothing else in the binding
// catches exceptions.
#pragma once

#include <exception>
#include <string>

#include "binding/util/napi_setup.h"

namespace continual::binding {

/// A failure in plain C++ data, so that it can travel from the compute thread.
struct Failure {
  std::string code;
  std::string message;
};

Failure describe(std::exception_ptr error);

/// A ContinualTorchError of this environment. JavaScript thread only.
Napi::Error to_javascript(Napi::Env env, const Failure& failure);

/// Runs `body` on the JavaScript thread; whatever C++ throws in it becomes a JavaScript exception.
template <typename Body>
auto guarded(Napi::Env env, const Body& body) -> decltype(body()) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw to_javascript(env, describe(std::current_exception()));
  }
}

}  // namespace continual::binding
