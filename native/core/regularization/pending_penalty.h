// A quadratic penalty in one loss.
#pragma once

#include "core/flat_parameters.h"

namespace continual {

/// The quadratic penalty of one mini-batch: its value now, its gradient when backward comes to it.
///
/// The pass that yields the value writes the gradient too, into the memory of gradients, which holds nothing meanwhile.
/// Backward reaches the penalty before any parameter, and adds the rest to it. Where that memory is in use, or the loss
/// has been scaled, a second pass adds the gradient. On a device the host reads neither value nor scale: the first pass
/// leaves out the factor, which backward multiplies by; in half precision backward computes all of it.
class PendingPenalty {
 public:
  /// @param plugin whose it is, for messages
  PendingPenalty(std::string plugin, std::shared_ptr<FlatParameters> flat, FlatTensors omega, FlatTensors anchor,
                 std::vector<bool> known, double lambda, double offset)
      : plugin_(std::move(plugin)),
        flat_(std::move(flat)),
        omega_(std::move(omega)),
        anchor_(std::move(anchor)),
        known_(std::move(known)),
        lambda_(lambda),
        offset_(offset) {}

  /// [1], infinite where the dtype cannot hold it. Backward is to come.
  at::Tensor value(const at::TensorOptions& options);
  /// The same without a thought of backward.
  at::Tensor value_alone(const at::TensorOptions& options) const;

  /// @param factor [1]: d(objective)/d(penalty)
  void backward(const at::Tensor& factor);

 private:
  enum Treatment : int64_t { kNothing = -1, kValueOnly, kWrite, kAccumulate };

  bool is_on_device() const;
  bool has_grad(size_t slot) const { return flat_->slots()[slot].parameter.grad().defined(); }
  bool takes_gradient(size_t slot) const { return known_[slot] && flat_->slots()[slot].parameter.requires_grad(); }
  bool any_grad() const;
  bool is_written_ahead(const Run& run) const;

  /// Calls `visit(run, treatment)` for each run of slots that `treat` gives the same treatment.
  template <typename Treat, typename Visit>
  void visit_runs(const Treat& treat, const Visit& visit) const;
  template <typename Treat>
  double pass(double scale, const Treat& treat) const;
  template <typename Treat>
  at::Tensor value_of(const at::TensorOptions& options, const Treat& treat) const;

  std::string plugin_;
  std::shared_ptr<FlatParameters> flat_;
  FlatTensors omega_, anchor_;
  std::vector<bool> known_;
  double lambda_;
  double offset_;                  // over lambda, of the value alone
  std::optional<uint64_t> claim_;  // on the memory that the gradient was written to
};

}  // namespace continual
