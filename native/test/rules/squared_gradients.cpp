// A second rule of importance, for the tests: a method is this file and a plugin (test/support/squared-gradients.ts).
#include "core/regularization/importance_rule.h"

namespace continual {
namespace {

///   Omega = 1/B sum_b (d L_b / d theta)^2,  L_b the criterion's value of a mini-batch;  Omega <- decay Omega_old +
///   Omega.
class SquaredGradients final : public ImportanceRule {
 public:
  explicit SquaredGradients(double decay) : decay_(decay) {}

  void differentiate(const Iteration& iteration) const override { iteration.loss.backward(); }

  void accumulate(const at::Tensor& sum, const at::Tensor& gradient) const override {
    sum.add_(gradient.abs().to(sum.scalar_type()).square());
  }

  void merge(const at::Tensor& importance, const at::Tensor& measured) const override {
    importance.mul_(decay_).add_(measured);
  }

 private:
  double decay_;
};

const ImportanceRule::Known squared_gradients("test::squaredGradients", {"decay"},
                                              [](const ImportanceRule::Options& options) {
                                                return std::make_unique<SquaredGradients>(ImportanceRule::number(options, "decay"));
                                              });

}  // namespace
}  // namespace continual
