// Elastic weight consolidation (Kirkpatrick et al., PNAS 2017, arXiv 1612.00796), as the reference computes it and as the
// diagonal of the Fisher information is defined.
#include <algorithm>

#include "core/error.h"
#include "core/regularization/importance_rule.h"

namespace continual {
namespace {

/// Importance, L being the criterion's value with the labels of the data, or the cross entropy with the class that the
/// model itself predicts:
///   Omega = 1/B sum_b (d L(b) / d theta)^2   of mini-batches,   1/N sum_k (d L(x_k) / d theta)^2   of samples
/// Later experiences:  separate: their quadratics add up;  online: Omega <- decay Omega_old + Omega, anchored anew.
class Ewc final : public ImportanceRule {
 public:
  explicit Ewc(const Options& options)
      : mode_(Mode(choice(options, "mode", {"separate", "online"}))),
        decay_(number(options, "decay")),
        labels_(Labels(choice(options, "labels", {"true", "predicted"}))),
        granularity_(Granularity(choice(options, "granularity", {"batch", "sample"}))),
        outputs_(indices(options, "outputs")) {}

  void differentiate(const Iteration& iteration) const override {
    if (labels_ == Labels::kTrue) return iteration.loss.backward();
    const at::Tensor gradient = with_predicted_labels(iteration.output);
    iteration.output.backward(gradient / std::max<int64_t>(rows_of(gradient), 1));
  }

  std::vector<at::Tensor> sample_gradients(const Iteration& iteration) const override {
    if (labels_ == Labels::kPredicted) return {with_predicted_labels(iteration.output)};
    // The criterion is the mean over the samples of their own losses.
    const at::Tensor of_mean = torch::autograd::grad({iteration.loss.sum()}, {iteration.output})[0];
    return {of_mean * static_cast<double>(iteration.batch.size())};
  }

  bool is_of_samples() const override { return granularity_ == Granularity::kSample; }
  int64_t weight(int64_t samples) const override { return is_of_samples() ? samples : 1; }

  at::Tensor of(const at::Tensor& gradient) const override { return gradient.abs().square(); }

  void accumulate(const at::Tensor& sum, const at::Tensor& gradient) const override {
    if (!gradient.is_sparse() && gradient.scalar_type() == sum.scalar_type()) sum.addcmul_(gradient, gradient);
    else sum.add_(gradient.abs().to(sum.scalar_type()).square());
  }

  void merge(const at::Tensor& importance, const at::Tensor& measured) const override {
    if (mode_ == Mode::kOnline) importance.mul_(decay_);
    importance.add_(measured);
  }

  bool adds_quadratics() const override { return mode_ == Mode::kSeparate; }

 private:
  enum class Mode { kSeparate, kOnline };
  enum class Labels { kTrue, kPredicted };
  enum class Granularity { kBatch, kSample };

  /// Samples times what else has classes, pixels for example.
  static int64_t rows_of(const at::Tensor& output) { return output.numel() / std::max<int64_t>(output.size(1), 1); }

  /// d cross entropy / dF with the class of the largest output as the label, of each row.
  at::Tensor with_predicted_labels(const at::Tensor& output) const {
    const at::NoGradGuard no_grad;
    const at::Tensor all = output.detach();
    if (all.dim() < 2) {
      throw Error("ERR_IMPORTANCE", "importance: expected outputs of classes, [B, C, ...], to predict a label, got " + c10::str(all.sizes()));
    }
    const auto is_there = [&](int64_t column) { return column >= 0 && column < all.size(1); };
    const bool are_chosen = !outputs_.empty() && std::all_of(outputs_.begin(), outputs_.end(), is_there);
    const at::Tensor columns = are_chosen ? at::tensor(outputs_, at::kLong).to(all.device()) : at::Tensor();
    const at::Tensor rows = are_chosen ? all.index_select(1, columns) : all;
    const at::Tensor labels = rows.argmax(1, /*keepdim=*/true);
    const at::Tensor gradient = at::softmax(rows, 1).scatter_add_(1, labels, -at::ones_like(labels, rows.options()));
    return are_chosen ? at::zeros_like(all).index_copy_(1, columns, gradient) : gradient;
  }

  Mode mode_;
  double decay_;
  Labels labels_;
  Granularity granularity_;
  std::vector<int64_t> outputs_;
};

const ImportanceRule::Known ewc("ewc", {},
                                [](const ImportanceRule::Options& options) { return std::make_unique<Ewc>(options); },
                                {{"mode", "separate"},
                                 {"decay", 1.0},
                                 {"labels", "true"},
                                 {"granularity", "batch"},
                                 {"outputs", std::vector<int64_t>()}});

}  // namespace
}  // namespace continual
