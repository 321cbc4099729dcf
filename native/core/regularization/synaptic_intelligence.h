// Synaptic Intelligence: how much each parameter has contributed to the fall of the loss.
#pragma once

#include "core/regularization/path_method.h"

namespace continual {

/// Zenke, Poole, Ganguli, "Continual Learning Through Synaptic Intelligence", ICML 2017 (arXiv 1703.04200), as Maltoni and
/// Lomonaco (arXiv 1806.08568) and the reference have it. With each update of theta, g being its gradient,
///   w <- w + g (theta_new - theta_old)
/// and behind an experience that began at theta_0
///   W <- W + w / ((theta - theta_0)^2 + eps),   Omega = min(max(-W, 0), clip),   theta* = theta,   w <- 0
class SynapticIntelligence final : public PathMethod {
 public:
  struct Options {
    double eps = 1e-7;
    std::optional<double> clip = 1e-3;  // none: there is no upper bound
    bool without_penalty = false;       // g is the gradient without that of the penalty
    bool keeps_negative = false;        // Omega may be below 0
  };
  SynapticIntelligence(std::shared_ptr<QuadraticPenalty> penalty, Options options)
      : PathMethod(std::move(penalty)), options_(options) {}

  void begin(const Iteration& iteration) override;
  void before(const Iteration& iteration) override;
  void after(const Iteration& iteration) override;
  void end(const Iteration& iteration) override;
  void settle() override { total_before_.reset(); }
  void take_back() override {
    if (total_before_) total_ = *std::exchange(total_before_, std::nullopt);
  }
  Memories memories() override { return {{"trajectory", &trajectory_}, {"cumTrajectory", &total_}}; }

 private:
  using Kind = ParameterMemory::Kind;
  Options options_;
  ParameterMemory trajectory_{Kind::kImportance};  // w
  ParameterMemory total_{Kind::kImportance};       // W
  std::optional<ParameterMemory> total_before_;    // the latest `end`
  ParameterMemory old_{Kind::kParameter};          // theta before the update
  FlatTensors scratch_;
};

}  // namespace continual
