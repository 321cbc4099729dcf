// MAS for the tests: a penalty with the pass that measures its importances.
#pragma once

#include "core/regularization/importance_pass.h"
#include "core/training/training_step.h"

namespace continual::test {

struct Mas {
  using Stage = ImportancePass::Stage;

  Mas(double lambda, double alpha)
      : penalty(std::make_shared<QuadraticPenalty>(MethodNames{}, lambda)),
        pass(std::make_shared<ImportancePass>(ImportanceRule::make("mas", {{"alpha", alpha}}), penalty)) {}

  /// What the model gave for a mini-batch.
  void accumulate(const std::shared_ptr<FlatParameters>& flat, const at::Tensor& output) const {
    const MiniBatch none;
    const Optimizer optimizer({});
    at::Tensor loss;
    Penalties penalties;
    pass->accumulate({none, output, loss, penalties, flat, optimizer});
  }

  std::vector<PlannedPhase> once(Stage stage) const { return {{Phase::kPlugin, ImportancePass::phase(pass, stage)}}; }
  std::vector<PlannedPhase> mini_batch() const {
    return {{Phase::kFetch}, {Phase::kZeroGrad}, {Phase::kForward}, once(Stage::kAccumulate)[0]};
  }

  std::shared_ptr<QuadraticPenalty> penalty;
  std::shared_ptr<ImportancePass> pass;
};

/// A stage of its pass in a strategy's step.
inline void run_once(TrainingStep& step, const Mas& mas, Mas::Stage stage) {
  const std::atomic<bool> never{false};
  const TrainingStep::Progress progress = step.run(mas.once(stage), true, 1, std::chrono::milliseconds(0), never);
  if (progress.error) std::rethrow_exception(progress.error);
}

}  // namespace continual::test
