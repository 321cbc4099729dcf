// The price of moving parameters away from where they were: what all methods of importance have in common.
#pragma once

#include "core/regularization/plugin_phase.h"

namespace continual {

/// What the method that a penalty is part of is called, in messages.
struct MethodNames {
  std::string method = "the plugin";        // "MAS"
  std::string plugin = "QuadraticPenalty";  // "MASPlugin"
  std::string weight = "lambda";            // "lambdaReg"
  std::string no_importance_code = "ERR_PENALTY_NO_IMPORTANCE";
  std::string shape_code = "ERR_PENALTY_SHAPE";
};

/// Along an element the penalty has the second derivative 2 lambda Omega; an optimizer's steps on it alone approach
/// theta* where
///   2 lr lambda max(Omega) < bound,
/// which is 2 for plain SGD. Of several groups this is the one that runs away first.
struct PenaltyStability {
  double lr;
  double largest_importance;
  double bound;
  double largest_lambda;  // at the bound
};

/// P(theta) = lambda sum_k Omega_k (theta_k - theta*_k)^2 over the elements k of all parameters, added to the loss.
///
/// Omega (importances) and theta* (anchors) are kept by parameter name and laid out like the flat parameters they are
/// used with. When the model has grown, old values keep their low indices and the new elements are 0, so that nothing
/// holds them.
class QuadraticPenalty final : public PluginPhase {
 public:
  QuadraticPenalty(MethodNames names, double lambda) : names_(std::move(names)), lambda_(lambda) {}

  const MethodNames& names() const { return names_; }
  double lambda() const { return lambda_; }

  struct Entry {
    std::string name;
    at::Tensor importance;  // in the parameter's shape, of `importance_type`
    at::Tensor anchor;      // theta*
  };
  /// Every name ever consolidated, in model order, names that left the model last.
  const std::vector<Entry>& memory() const { return now_.entries; }
  bool has_memory() const { return !now_.entries.empty(); }
  /// Puts copies of these in place of what was remembered, importances in the `importance_type` of their anchors.
  void set_memory(const std::vector<Entry>& memory);
  void forget();

  /// Whether `consolidate` leaves what was remembered before as it was, for `take_back`. What it left so far goes.
  void keep_previous(bool keep);
  /// What was remembered before the first `consolidate` since then is what is remembered; nothing where there was none.
  void take_back();

  /// loss += P(theta), in place and differentiable: one pass yields value and gradient. Throws `no_importance_code`
  /// without memory, `shape_code` where a parameter has become smaller. Returns P(theta), [1].
  at::Tensor add_to(at::Tensor& loss, const std::shared_ptr<FlatParameters>& flat);
  void run(const Iteration& iteration) override {
    Penalties::add(iteration.penalties.added, add_to(iteration.loss, iteration.parameters));
  }

  /// How what was measured meets what is remembered. `merge` and `begin`, of what is new, work in place on the first of
  /// the two, and may write to both.
  struct Merging {
    using Change = std::function<void(const at::Tensor& importance, const at::Tensor& measured)>;
    Change merge;
    Change begin;
    std::vector<bool> keeps;  // by slot: what is remembered of it stays
    bool forgets = false;     // all that was remembered before
  };
  /// Takes theta* from the parameters, and Omega from what was measured, laid out like the parameters.
  void consolidate(const std::shared_ptr<FlatParameters>& flat, const FlatTensors& measured, const Merging& merging);

  /// Omega and theta*, laid out like the parameters.
  struct Held {
    const FlatTensors& omega;
    const FlatTensors& anchor;
    const std::vector<bool>& known;  // slot has an importance
  };
  /// What a phase of this name finds held. Throws as `add_to`; settles the parameters.
  Held held(const std::shared_ptr<FlatParameters>& flat, const std::string& phase);

  /// Omega of a parameter as the penalty has it at present; undefined where it has none.
  at::Tensor importance(const at::Tensor& parameter) const;

  std::string name() const override { return names_.plugin + ".beforeBackward"; }
  std::string advice(const Optimizer& optimizer) const override;
  /// Of this optimizer's steps on the penalty, laid out like the parameters: what `stability` then tells.
  void look_at(const Optimizer& optimizer, const std::shared_ptr<FlatParameters>& flat);
  const std::optional<PenaltyStability>& stability() const { return stability_; }
  Error no_importance(const std::string& where) const;

 private:
  void align(const std::shared_ptr<FlatParameters>& flat);
  void remember(const std::shared_ptr<FlatParameters>& flat);

  struct Memory {
    std::vector<Entry> entries;            // of parameters that the model has views of the flat tensors below
    std::shared_ptr<FlatParameters> flat;  // the layout of the next three
    FlatTensors omega;
    FlatTensors anchor;
    std::vector<bool> known;  // slot has an importance
  };

  MethodNames names_;
  double lambda_;
  Memory now_;
  bool keeps_previous_ = false;
  std::optional<Memory> previous_;
  std::optional<PenaltyStability> stability_;
};

}  // namespace continual
