// The price of moving parameters away from where they were: what all methods of importance have in common.
#pragma once

#include <map>

#include "core/regularization/parameter_memory.h"
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

/// P(theta) = c + lambda sum_k Omega_k (theta_k - theta*_k)^2 over the elements k of all parameters, added to the loss.
///
/// Omega (importances) and theta* (anchors) are kept by parameter name. When the model has grown, nothing holds the new
/// elements. The offset c is 0 but where quadratics have been added up, which is one quadratic again.
class QuadraticPenalty final : public PluginPhase {
 public:
  QuadraticPenalty(MethodNames names, double lambda) : names_(std::move(names)), lambda_(lambda) {}

  const MethodNames& names() const { return names_; }
  double lambda() const { return lambda_; }
  void set_lambda(double lambda) { lambda_ = lambda; }

  struct Entry {
    std::string name;
    at::Tensor importance;  // in the parameter's shape, of `importance_type`
    at::Tensor anchor;      // theta*
    double offset = 0;      // what it adds to c, over lambda
  };
  /// Every name ever consolidated, in model order, names that left the model last.
  std::vector<Entry> memory() const;
  bool has_memory() const { return !now_.omega.empty(); }
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
    bool adds_up = false;     // the old quadratic and the new one, instead of anchoring the old importance anew
  };
  /// Takes theta* from the parameters, and Omega from what was measured, laid out like the parameters.
  void consolidate(const std::shared_ptr<FlatParameters>& flat, const FlatTensors& measured, const Merging& merging);

  /// Takes theta* of these slots from the parameters; Omega of those that are new is 0.
  void anchor(const std::shared_ptr<FlatParameters>& flat, const std::vector<bool>& slots);
  /// The same, and Omega from `omega`, laid out like the parameters. With `forgets` nothing else is held any more.
  void assign(const std::shared_ptr<FlatParameters>& flat, const FlatTensors& omega, const std::vector<bool>& slots,
              bool forgets);
  /// Every parameter with Omega = 1.
  void hold_all(const std::shared_ptr<FlatParameters>& flat);

  /// Omega and theta*, laid out like the parameters.
  struct Held {
    const FlatTensors& omega;
    const FlatTensors& anchor;
    const std::vector<bool>& known;  // slot has an importance
    double offset;                   // c / lambda
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
  struct Memory {
    ParameterMemory omega{ParameterMemory::Kind::kImportance};
    ParameterMemory anchor{ParameterMemory::Kind::kParameter};
    std::map<std::string, double> offsets = {};  // by name; none is 0
  };

  void align(const std::shared_ptr<FlatParameters>& flat);
  /// Begins a change of what is remembered, which `take_back` may undo; returns what there was before.
  Memory change(const std::shared_ptr<FlatParameters>& flat, bool forgets);
  void end_change(const Memory& before);
  double offset() const;

  MethodNames names_;
  double lambda_;
  Memory now_;
  bool keeps_previous_ = false;
  std::optional<Memory> previous_;
  std::optional<PenaltyStability> stability_;
};

}  // namespace continual
