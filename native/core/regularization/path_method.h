// A method that measures along the way of training, not in a pass behind it.
#pragma once

#include "core/regularization/quadratic_penalty.h"

namespace continual {

/// What such a method does in the hooks of its plugin, and what it remembers by parameter name.
class PathMethod {
 public:
  explicit PathMethod(std::shared_ptr<QuadraticPenalty> penalty) : penalty_(std::move(penalty)) {}
  virtual ~PathMethod() = default;

  /// Which parameters it leaves out, by name. Before `begin`.
  void exclude(std::vector<std::string> names) { excluded_ = std::move(names); }

  /// An experience begins.
  virtual void begin(const Iteration& iteration) = 0;
  /// Before the update of a mini-batch, and behind it.
  virtual void before(const Iteration& iteration) = 0;
  virtual void after(const Iteration& iteration) = 0;
  /// An experience has been learned.
  virtual void end(const Iteration& iteration) = 0;
  /// What the latest `end` did stays, or is taken back; the penalty is another's affair.
  virtual void settle() = 0;
  virtual void take_back() = 0;

  using Memories = std::vector<std::pair<std::string, ParameterMemory*>>;
  /// What goes into a checkpoint, by what it is called there.
  virtual Memories memories() = 0;

 protected:
  /// Slots of parameters that are trained and not excluded.
  std::vector<bool> allowed(const FlatParameters& flat) const;
  /// Makes all of these follow the parameters.
  void align(const std::shared_ptr<FlatParameters>& flat, std::initializer_list<ParameterMemory*> memories) const;

  std::shared_ptr<QuadraticPenalty> penalty_;
  std::vector<std::string> excluded_;
};

/// Runs of slots that are `chosen`, and where `with_grad` have a gradient.
std::vector<Run> runs_of(const FlatParameters& flat, const std::vector<bool>& chosen, bool with_grad = false);

/// sum += factor Re(conj(a) b), element by element; `sum` is of the `importance_type` of the two. With `b_may_be_zero`
/// nothing where b is 0, also where a is infinite.
void add_product(const at::Tensor& sum, const at::Tensor& a, const at::Tensor& b, double factor,
                 bool b_may_be_zero = false);

}  // namespace continual
