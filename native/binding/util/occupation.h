// Core objects that JavaScript may not touch while a job works with them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "core/error.h"

namespace continual::binding {

/// How many jobs are using an object, or one that shares tensors with it. Counted on the JavaScript thread only: up
/// when a job is submitted, down when its promise settles.
class Occupation {
 public:
  /// That may change it.
  int64_t& jobs() const { return root(group_).jobs; }
  /// That only read it: predictions, and copies that are being taken.
  int64_t& readers() const { return root(group_).readers; }

  /// The call of a strategy that works with it, between its jobs too; 0: none.
  int64_t& holder() const { return root(group_).holder; }

  /// From now on a job with one of the two occupies both: a model and a layer in it. Both must be idle.
  void join(const Occupation& other) {
    Group& mine = root(group_);
    Group& others = root(other.group_);
    if (&mine == &others) return;
    if (others.holder == 0) others.holder = mine.holder;
    mine.joined = other.group_;
  }

 private:
  struct Group {
    int64_t jobs = 0;
    int64_t readers = 0;
    int64_t holder = 0;
    std::shared_ptr<Group> joined;
  };

  static Group& root(const std::shared_ptr<Group>& group) {
    Group* at = group.get();
    while (at->joined) at = at->joined.get();
    return *at;
  }

  std::shared_ptr<Group> group_ = std::make_shared<Group>();
};

/// ERR_BUSY, with what can be done meanwhile. `expectation` ends with what came.
inline Error busy(const std::string& operation, const std::string& expectation) {
  return {"ERR_BUSY",
          operation + ": expected " + expectation +
              ". Call it in a hook of the strategy (afterTrainingIteration, for example), or when the promise of "
              "train or eval has resolved; to predict or save at any time use the model that strategy.snapshot() "
              "gives (docs/serving.md)"};
}

/// ERR_BUSY of what would change something that is being read.
inline Error being_read(const std::string& operation) {
  return {"ERR_BUSY",
          operation +
              ": expected nobody to work with it, got a prediction (model.predict) or a snapshot under way, "
              "which it would change; await that promise first"};
}

/// An object with its occupation. Jobs hold the object itself; JavaScript reaches it through `idle`.
template <typename T>
struct Shared : Occupation {
  explicit Shared(std::shared_ptr<T> o) : object(std::move(o)) {}

  /// To be changed. Throws ERR_BUSY while a job is using the object.
  T& idle(const char* operation) const {
    if (readers() > 0) throw being_read(operation);
    return readable(operation);
  }

  /// To be read. Throws ERR_BUSY while a job is using the object that may change it.
  T& readable(const char* operation) const {
    if (jobs() > 0) throw busy(operation, "nothing to be at work on it, got a job of a strategy");
    return *object;
  }

  std::shared_ptr<T> object;
};

}  // namespace continual::binding
