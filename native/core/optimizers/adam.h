// torch.optim.Adam and torch.optim.AdamW.
#pragma once

#include "core/optimizers/update_rule.h"

namespace continual {

/// Defaults are Adam's in PyTorch; AdamW is Adam with `decoupled_weight_decay`.
struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  bool amsgrad = false;
  bool maximize = false;
  bool decoupled_weight_decay = false;
};

class Adam : public UpdateRule {
 public:
  explicit Adam(const AdamOptions& options) : options_(options) {}

  std::vector<std::string> state_names() const override;
  void step(const at::Tensor& values, const at::Tensor& grads, const std::vector<at::Tensor>& state, int64_t steps_done,
            const std::optional<at::Tensor>& found_inf = {}) const override;
  std::string refuses_sparse() const override { return "Adam and AdamW take no sparse gradients"; }
  double lr() const override { return options_.lr; }

 private:
  AdamOptions options_;
};

}  // namespace continual
