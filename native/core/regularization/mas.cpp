// Memory Aware Synapses (Aljundi et al., ECCV 2018, arXiv 1711.09601), as the paper defines it and as those compute it who have
// published a variant.
#include "core/error.h"
#include "core/regularization/importance_rule.h"
#include "core/regularization/mas_objective.h"
#include "core/regularization/penalty_kernels.h"

namespace continual {
namespace {

enum class Granularity { kBatch, kSample };
enum class Weighting { kPerBatch, kPerSample };
enum class Merge { kBlend, kSum };
enum class First { kFull, kBlend };

/// Importance (section 4.1, equation 2 of the paper, where `granularity` is of samples; else with the gradient of the
/// mini-batch in place of each sample's), l being the objective:
///   Omega = sum_b w_b |d l(b) / d theta| / sum_b w_b,   w_b 1 or the number of samples in b
/// After later experiences  Omega <- alpha Omega_old + (1 - alpha) Omega_new  or  Omega_old + Omega_new.
class Mas final : public ImportanceRule {
 public:
  explicit Mas(const Options& options)
      : alpha_(number(options, "alpha")),
        objective_(choice(options, "objective", MasObjective::names()), indices(options, "outputs")),
        granularity_(Granularity(choice(options, "granularity", {"batch", "sample"}))),
        weighting_(Weighting(choice(options, "weighting", {"perBatch", "perSample"}))),
        merge_(Merge(choice(options, "merge", {"blend", "sum"}))),
        first_experience_(First(choice(options, "firstExperience", {"replace", "blend"}))),
        new_params_(First(choice(options, "newParams", {"full", "blend"}))) {
    if (alpha_ >= 0 && alpha_ <= 1) return;
    throw Error("ERR_INVALID_ARG_VALUE",
                "importance: expected alpha of the rule \"mas\" in [0, 1], got " + c10::str(alpha_));
  }

  void differentiate(const Iteration& iteration) const override {
    const at::Tensor& output = iteration.output;
    if (output.dim() == 0) {
      throw Error("ERR_IMPORTANCE",
                  "importance: expected an output for each sample, [B, C] or [B], got a single number");
    }
    const int64_t weight = this->weight(iteration.batch.size());
    const bool is_real = output.scalar_type() == at::kFloat || output.scalar_type() == at::kDouble;
    if (!is_real && weight == 1 && objective_.is_plain()) {
      // As autograd rounds it.
      const at::Tensor rows = output.dim() == 1 ? output.unsqueeze(1) : output;
      at::linalg_vector_norm(rows, /*ord=*/2, /*dim=*/1).pow(2).mean().backward();
      return;
    }
    const std::vector<at::Tensor> gradients = objective_.of_mini_batch(output);
    for (size_t i = 0; i < gradients.size(); ++i) {
      output.backward(weight == 1 ? gradients[i] : gradients[i] * weight, /*retain_graph=*/i + 1 < gradients.size());
    }
  }

  int64_t weight(int64_t samples) const override {
    return granularity_ == Granularity::kSample || weighting_ == Weighting::kPerSample ? samples : 1;
  }

  bool is_of_samples() const override { return granularity_ == Granularity::kSample; }

  std::vector<at::Tensor> sample_gradients(const Iteration& iteration) const override {
    return objective_.of_samples(iteration.output);
  }

  void accumulate(const at::Tensor& sum, const at::Tensor& gradient) const override { add_magnitudes(sum, gradient); }

  void merge(const at::Tensor& importance, const at::Tensor& measured) const override {
    if (merge_ == Merge::kSum) importance.add_(measured);
    else importance.mul_(alpha_).add_(measured.mul_(1 - alpha_));
  }

  double share_of_first(bool is_first_experience) const override {
    return (is_first_experience ? first_experience_ : new_params_) == First::kBlend ? 1 - alpha_ : 1;
  }

 private:
  double alpha_;
  MasObjective objective_;
  Granularity granularity_;
  Weighting weighting_;
  Merge merge_;
  First first_experience_;
  First new_params_;
};

const ImportanceRule::Known mas("mas", {"alpha"},
                                [](const ImportanceRule::Options& options) { return std::make_unique<Mas>(options); },
                                {{"objective", "meanSquaredNorm"},
                                 {"outputs", std::vector<int64_t>()},
                                 {"granularity", "batch"},
                                 {"weighting", "perBatch"},
                                 {"merge", "blend"},
                                 {"firstExperience", "replace"},
                                 {"newParams", "full"}});

}  // namespace
}  // namespace continual
