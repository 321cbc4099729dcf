// Riemannian Walk: EWC's importances along the way of training, with a score for what each step has gained.
#pragma once

#include "core/regularization/path_method.h"

namespace continual {

/// Chaudhry et al., "Riemannian Walk for Incremental Learning: Understanding Forgetting and Intransigence", ECCV 2018
/// (arXiv 1801.10112), as the reference has it. `before` finds the gradient g of the criterion alone. In each iteration
///   F <- alpha g^2 + (1 - alpha) F   (equation 6),      l <- l - g (theta_new - theta_old)   (equation 7)
/// every so many of them, theta' being what the parameters were the last time,
///   s <- s + l / (F/2 (theta - theta')^2 + eps),   l <- 0
/// and behind an experience
///   S <- s, later (S + s) / 2,   Omega = F / max(F) + relu(S) / max(S),   theta* = theta,   s <- 0
class RiemannianWalk final : public PathMethod {
 public:
  RiemannianWalk(std::shared_ptr<QuadraticPenalty> penalty, double alpha) : PathMethod(std::move(penalty)), alpha_(alpha) {}

  /// A call of `train` begins, whose scores and way begin at 0, at these parameters. What has grown when it comes to an
  /// experience then has its way from 0, as with the reference.
  void start_anew(const NamedTensors& parameters);
  void begin(const Iteration& iteration) override;
  void before(const Iteration& iteration) override;
  void after(const Iteration& iteration) override;
  /// `after`, and the score of the iterations since the last one.
  void score(const Iteration& iteration);
  void end(const Iteration& iteration) override;
  void settle() override {
    total_before_.reset();
    fisher_before_.reset();
  }
  void take_back() override {
    if (total_before_) total_ = *std::exchange(total_before_, std::nullopt);
    if (fisher_before_) fisher_ = *std::exchange(fisher_before_, std::nullopt);
  }
  Memories memories() override {
    return {{"fisher", &fisher_}, {"loss", &loss_}, {"scores", &scores_}, {"from", &from_}, {"totalScores", &total_}};
  }

 private:
  using Kind = ParameterMemory::Kind;
  /// Follows the parameters; those that are new begin their way here.
  void follow(const std::shared_ptr<FlatParameters>& flat);

  double alpha_;
  ParameterMemory fisher_{Kind::kImportance};    // F, of what had a gradient in the latest iteration
  ParameterMemory loss_{Kind::kImportance};      // l
  ParameterMemory scores_{Kind::kImportance};    // s
  ParameterMemory from_{Kind::kParameter};       // theta'
  ParameterMemory total_{Kind::kImportance};     // S
  std::optional<ParameterMemory> total_before_;  // the latest `end`
  std::optional<ParameterMemory> fisher_before_; // the latest `begin`
  ParameterMemory gradient_{Kind::kParameter};   // g
  ParameterMemory old_{Kind::kParameter};        // theta before the update
};

}  // namespace continual
