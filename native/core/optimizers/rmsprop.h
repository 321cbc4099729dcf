// torch.optim.RMSprop.
#pragma once

#include "core/optimizers/update_rule.h"

namespace continual {

/// Defaults are PyTorch's.
struct RmspropOptions {
  double lr = 1e-2;
  double alpha = 0.99;
  double eps = 1e-8;
  double weight_decay = 0;
  double momentum = 0;
  bool centered = false;
  bool maximize = false;
};

class Rmsprop : public UpdateRule {
 public:
  explicit Rmsprop(const RmspropOptions& options) : options_(options) {}

  std::vector<std::string> state_names() const override;
  void step(const at::Tensor& values, const at::Tensor& grads, const std::vector<at::Tensor>& state, int64_t steps_done,
            const std::optional<at::Tensor>& found_inf = {}) const override;
  std::string refuses_sparse() const override { return "RMSprop takes no sparse gradients"; }
  double lr() const override { return options_.lr; }

 private:
  RmspropOptions options_;
};

}  // namespace continual
