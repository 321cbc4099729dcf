// Memory Aware Synapses (Aljundi et al., ECCV 2018, arXiv 1711.09601) as Avalanche's MASPlugin computes it.
#pragma once

#include "core/flat_parameters.h"

namespace continual {

/// What MAS remembers between experiences, and what it does with it.
///
/// Importance (section 4.1, equation 2 of the paper, with the gradient of the mini-batch in place of each sample's):
///   Omega = 1/B sum_b | d/d theta  mean_{x in b} ||F(x)||^2 |
/// Penalty (equation 4):  lambda sum Omega (theta - theta*)^2,  theta* = values at the end of the latest experience.
/// After the second and later experiences  Omega <- alpha Omega_old + (1 - alpha) Omega_new.
///
/// Memory is kept by parameter name and laid out like the flat parameters it is used with. When the model has grown,
/// old values keep their low indices and the new elements are 0, so that nothing holds them.
class Mas {
 public:
  Mas(double lambda, double alpha) : lambda_(lambda), alpha_(alpha) {}

  /// Omega and theta* are there: at least one experience has been consolidated.
  bool has_memory() const { return !memory_.empty(); }

  /// loss += lambda sum Omega (theta - theta*)^2, in place and differentiable: one pass yields value and gradient.
  /// Throws ERR_MAS_NO_IMPORTANCE without memory.
  void add_penalty(const std::shared_ptr<FlatParameters>& flat, at::Tensor& loss);

  /// The importance pass. `accumulate` takes the output of one mini-batch, [B, C] or [B, C, ...] (norm over dim 1, mean
  /// over the rest) or [B] (taken as [B, 1]), differentiates its mean squared norm and adds the gradients' magnitudes;
  /// `end_pass` divides by the number of mini-batches, merges, and takes theta*. A pass that is not ended changes
  /// nothing. Throws ERR_CALL_ORDER without `begin_pass`, and where the layout or a parameter is no longer what it was
  /// then; ERR_EMPTY_EXPERIENCE where there was no mini-batch.
  void begin_pass(const std::shared_ptr<FlatParameters>& flat);
  void require_pass(const std::shared_ptr<FlatParameters>& flat) const;
  void accumulate(const std::shared_ptr<FlatParameters>& flat, const at::Tensor& output);
  void end_pass(const std::shared_ptr<FlatParameters>& flat, bool first_experience);

  struct Entry {
    std::string name;
    at::Tensor importance;  // in the parameter's shape, of `importance_type`
    at::Tensor anchor;      // theta*
  };
  /// Every name ever consolidated, in model order, names that left the model last.
  const std::vector<Entry>& memory() const { return memory_; }

  double lambda() const { return lambda_; }
  /// Omega of a parameter as the penalty has it at present; undefined where it has none.
  at::Tensor importance(const at::Tensor& parameter) const;

 private:
  void align(const std::shared_ptr<FlatParameters>& flat);
  void remember(const std::shared_ptr<FlatParameters>& flat);

  double lambda_;
  double alpha_;

  std::vector<Entry> memory_;             // views of the flat tensors below, where aligned
  std::shared_ptr<FlatParameters> flat_;  // the layout of the next three
  FlatTensors omega_;
  FlatTensors anchor_;
  std::vector<bool> known_;            // slot has an importance

  std::shared_ptr<FlatParameters> pass_flat_;  // the layout of the pass that is under way; null: there is none
  FlatTensors pass_sum_;
  std::vector<at::Tensor> pass_slices_;  // of it, by slot
  int64_t pass_batches_ = 0;
  std::vector<at::Tensor> latest_;  // gradients of the pass's latest mini-batch, by slot
};

}  // namespace continual
