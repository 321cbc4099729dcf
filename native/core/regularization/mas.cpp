// Memory Aware Synapses (Aljundi et al., ECCV 2018, arXiv 1711.09601) as Avalanche's MASPlugin computes it.
#include "core/error.h"
#include "core/regularization/importance_rule.h"
#include "core/regularization/penalty_kernels.h"

namespace continual {
namespace {

/// Importance (section 4.1, equation 2 of the paper, with the gradient of the mini-batch in place of each sample's):
///   Omega = 1/B sum_b | d/d theta  mean_{x in b} ||F(x)||^2 |
/// of outputs [B, C] or [B, C, ...] (norm over dim 1, mean over the rest) or [B] (taken as [B, 1]). After the second
/// and later experiences  Omega <- alpha Omega_old + (1 - alpha) Omega_new.
class Mas final : public ImportanceRule {
 public:
  Mas(double alpha, bool is_of_samples) : alpha_(alpha), is_of_samples_(is_of_samples) {
    if (alpha >= 0 && alpha <= 1) return;
    throw Error("ERR_INVALID_ARG_VALUE",
                "importance: expected alpha of the rule \"mas\" in [0, 1], got " + c10::str(alpha));
  }

  void differentiate(const Iteration& iteration) const override {
    const at::Tensor& output = iteration.output;
    if (output.dim() == 0) {
      throw Error("ERR_IMPORTANCE",
                  "importance: expected an output for each sample, [B, C] or [B], got a single number");
    }
    if (output.scalar_type() == at::kFloat || output.scalar_type() == at::kDouble) {
      // d/dF mean ||F||^2 = 2 F / (number of norms), without a graph through norm, square and mean.
      const int64_t width = output.dim() == 1 ? 1 : output.size(1);
      output.backward(output.detach() * (2.0 * static_cast<double>(width) / static_cast<double>(output.numel())));
    } else {
      const at::Tensor rows = output.dim() == 1 ? output.unsqueeze(1) : output;
      at::linalg_vector_norm(rows, /*ord=*/2, /*dim=*/1).pow(2).mean().backward();
    }
  }

  bool is_of_samples() const override { return is_of_samples_; }

  /// d l_k / dF = 2 F / (number of norms of a sample)
  at::Tensor sample_gradients(const at::Tensor& output) const override {
    const int64_t width = output.dim() == 1 ? 1 : output.size(1);
    const int64_t norms = output.numel() / std::max<int64_t>(output.size(0) * width, 1);
    return output.detach() * (2.0 / static_cast<double>(std::max<int64_t>(norms, 1)));
  }

  void accumulate(const at::Tensor& sum, const at::Tensor& gradient) const override { add_magnitudes(sum, gradient); }

  void merge(const at::Tensor& importance, const at::Tensor& measured) const override {
    importance.mul_(alpha_).add_(measured.mul_(1 - alpha_));
  }

 private:
  double alpha_;
  bool is_of_samples_;
};

std::unique_ptr<Mas> make_mas(const ImportanceRule::Options& options) {
  const double granularity = options.at("granularity");  // 0: mini-batches, 1: samples
  if (granularity != 0 && granularity != 1) {
    throw Error("ERR_INVALID_ARG_VALUE",
                "importance: expected granularity of the rule \"mas\" to be 0 or 1, got " + c10::str(granularity));
  }
  return std::make_unique<Mas>(options.at("alpha"), granularity == 1);
}

const ImportanceRule::Known mas("mas", {"alpha"}, make_mas, {{"granularity", 0}});

}  // namespace
}  // namespace continual
