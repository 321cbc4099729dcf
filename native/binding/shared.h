// Core objects that JavaScript may not touch while a job works with them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "core/error.h"

namespace continual::binding {

/// How many jobs are using an object. Counted on the JavaScript thread only: up when a job is submitted, down when its
/// promise settles.
struct Occupation {
  int64_t jobs = 0;
};

/// An object with its occupation. Jobs hold the object itself; JavaScript reaches it through `idle`.
template <typename T>
struct Shared : Occupation {
  explicit Shared(std::shared_ptr<T> o) : object(std::move(o)) {}

  /// Throws ERR_BUSY while a job is using the object.
  T& idle(const char* operation) const {
    if (jobs > 0) {
      throw Error("ERR_BUSY", std::string(operation) +
                                  ": expected nothing to be at work on it, got a job (training, evaluation, jit.save)");
    }
    return *object;
  }

  std::shared_ptr<T> object;
};

}  // namespace continual::binding
