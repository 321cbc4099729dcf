// What a plugin adds to an iteration on the compute thread.
#pragma once

#include "core/data/batch_gatherer.h"
#include "core/flat_parameters.h"
#include "core/optimizers/optimizer.h"

namespace continual {

/// What penalties come to in a mini-batch, [1] each; undefined: there was none.
struct Penalties {
  at::Tensor added;  // to the loss
  at::Tensor apart;  // from it, as they have an effect of their own

  static void add(at::Tensor& sum, const at::Tensor& value) { sum = sum.defined() ? sum + value : value; }
};

/// The iteration under way, as a phase of a plugin finds it.
struct Iteration {
  const MiniBatch& batch;
  const at::Tensor& output;  // undefined before forward
  at::Tensor& loss;          // [1] in training; what is added to it is trained too
  Penalties& penalties;      // for metrics
  const std::shared_ptr<FlatParameters>& parameters;
  const Optimizer& optimizer;
  uint64_t updates_before = 0;  // of `optimizer.updates()`: those behind it are of this iteration
  at::Tensor found_inf = {};    // as `Optimizer::step` takes it
};

/// A phase of an iteration that is a plugin's. Training knows no more of a method than this.
class PluginPhase {
 public:
  virtual ~PluginPhase() = default;

  virtual void run(const Iteration& iteration) = 0;

  /// Plugin and hook, for messages.
  virtual std::string name() const = 0;

  /// The code of the error where libtorch fails in `run`.
  virtual const char* error_code() const { return "ERR_TORCH"; }

  /// Whether the model may have got or lost parameters since they were laid out: they are laid out anew then. Those
  /// that have changed in themselves are in any case.
  virtual bool may_find_other_parameters() const { return false; }

  /// What to do where the loss after this phase is not finite, in words; "" where the phase has no part in it.
  virtual std::string advice(const Optimizer& /*optimizer*/) const { return ""; }
};

}  // namespace continual
