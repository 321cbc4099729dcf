// torch.optim.SGD.
#pragma once

#include "core/optimizers/update_rule.h"

namespace continual {

/// Defaults are PyTorch's.
struct SgdOptions {
  double lr = 1e-3;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  bool nesterov = false;
  bool maximize = false;
};

/// Remembers nothing without momentum.
class Sgd : public UpdateRule {
 public:
  explicit Sgd(const SgdOptions& options) : options_(options) {}

  std::vector<std::string> state_names() const override;
  bool counts_steps() const override { return false; }
  void step(const at::Tensor& values, const at::Tensor& grads, const std::vector<at::Tensor>& state, int64_t steps_done,
            const std::optional<at::Tensor>& found_inf = {}) const override;
  std::string refuses_sparse() const override;
  void step_sparse(const at::Tensor& values, const at::Tensor& grad, const std::vector<at::Tensor>& state,
                   int64_t steps_done) const override;
  double lr() const override { return options_.lr; }
  std::optional<double> largest_stable_curvature() const override;

 private:
  SgdOptions options_;
};

}  // namespace continual
