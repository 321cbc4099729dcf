// torch.optim.Adagrad.
#pragma once

#include "core/optimizers/update_rule.h"

namespace continual {

/// Defaults are PyTorch's.
struct AdagradOptions {
  double lr = 1e-2;
  double lr_decay = 0;
  double weight_decay = 0;
  double initial_accumulator_value = 0;
  double eps = 1e-10;
  bool maximize = false;
};

class Adagrad : public UpdateRule {
 public:
  explicit Adagrad(const AdagradOptions& options) : options_(options) {}

  std::vector<std::string> state_names() const override { return {"sum"}; }
  void step(const at::Tensor& values, const at::Tensor& grads, const std::vector<at::Tensor>& state, int64_t steps_done,
            const std::optional<at::Tensor>& found_inf = {}) const override;
  std::string refuses_sparse() const override;
  void step_sparse(const at::Tensor& values, const at::Tensor& grad, const std::vector<at::Tensor>& state,
                   int64_t steps_done) const override;
  double lr() const override { return options_.lr; }

 private:
  AdagradOptions options_;
};

}  // namespace continual
