// What the variants of MAS differentiate.
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <vector>

namespace continual {

/// A quantity l of a mini-batch's outputs F, [n, C], by its name:
///
///   meanSquaredNorm  mean_x ||F(x)||^2          sumSquares  sum_x sum_c F_c(x)^2
///   meanSquares      mean_x mean_c F_c(x)^2     sumAbs      sum_x sum_c |F_c(x)|
///   meanNorm         mean_x ||F(x)||            perOutput   C quantities, mean_x F_c(x) each
///
/// Outputs [n, C, ...] have their norm over dimension 1 and their mean over the rest, outputs [n] are taken as [n, 1]. With
/// `outputs` the other columns are left out, C being the number of those that stay. Where one of them is no column all
/// count: the outputs are then not those of the classes that the indices are of, but of a head of one task.
class MasObjective {
 public:
  MasObjective(size_t which, std::vector<int64_t> outputs) : which_(Kind(which)), outputs_(std::move(outputs)) {}

  static const std::vector<std::string>& names();

  /// Whether nothing but mean_x ||F(x)||^2 of all outputs is asked for.
  bool is_plain() const { return which_ == Kind::kMeanSquaredNorm && outputs_.empty(); }

  /// dl/dF of the mini-batch, or of each of its quantities.
  std::vector<at::Tensor> of_mini_batch(const at::Tensor& output) const;
  /// Row by row that of a mini-batch of this sample alone.
  std::vector<at::Tensor> of_samples(const at::Tensor& output) const;

 private:
  enum class Kind { kMeanSquaredNorm, kMeanSquares, kMeanNorm, kSumSquares, kSumAbs, kPerOutput };

  std::vector<at::Tensor> gradients(const at::Tensor& output, int64_t samples) const;

  Kind which_;
  std::vector<int64_t> outputs_;
};

}  // namespace continual
