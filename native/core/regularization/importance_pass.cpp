#include "core/regularization/importance_pass.h"

#include <algorithm>

#include "core/error.h"
#include "core/regularization/penalty_kernels.h"
#include "core/regularization/sample_gradients/sample_gradients.h"

namespace continual {
namespace {

/// What `now` has that `then` had not, in words.
std::string difference(const FlatParameters& then, const FlatParameters& now) {
  const auto is_new = [&](const ParameterSlot& slot) {
    return std::none_of(then.slots().begin(), then.slots().end(), [&](const ParameterSlot& old) {
      return old.name == slot.name && old.parameter.is_same(slot.parameter);
    });
  };
  const auto found = std::find_if(now.slots().begin(), now.slots().end(), is_new);
  return found == now.slots().end() ? "parameters that are gone" : "a new parameter \"" + found->name + '"';
}

class StagePhase final : public PluginPhase {
 public:
  StagePhase(std::shared_ptr<ImportancePass> pass, ImportancePass::Stage stage)
      : pass_(std::move(pass)), stage_(stage) {}

  void run(const Iteration& iteration) override {
    switch (stage_) {
      case ImportancePass::Stage::kBegin: return pass_->begin(iteration.parameters);
      case ImportancePass::Stage::kAccumulate: return pass_->accumulate(iteration);
      case ImportancePass::Stage::kReplace: return pass_->end(iteration.parameters, /*first_experience=*/true);
      case ImportancePass::Stage::kMerge: return pass_->end(iteration.parameters, /*first_experience=*/false);
    }
  }

  std::string name() const override { return pass_->penalty().names().plugin + ".afterTrainingExp"; }
  const char* error_code() const override { return "ERR_IMPORTANCE"; }
  bool may_find_other_parameters() const override { return stage_ != ImportancePass::Stage::kAccumulate; }

 private:
  std::shared_ptr<ImportancePass> pass_;
  ImportancePass::Stage stage_;
};

}  // namespace

std::shared_ptr<PluginPhase> ImportancePass::phase(const std::shared_ptr<ImportancePass>& pass, Stage stage) {
  return std::make_shared<StagePhase>(pass, stage);
}

void ImportancePass::require(const std::shared_ptr<FlatParameters>& flat) const {
  if (!flat_) {
    throw Error("ERR_CALL_ORDER", penalty_->names().plugin + ": expected an importance pass to be under way, got none");
  }
  const std::optional<std::string> changed = flat_->misfit();
  if (!changed && flat == flat_) return;
  throw Error("ERR_CALL_ORDER", where() + ": expected the model to stay as it is while importances are measured, got " +
                                    (changed ? *changed : difference(*flat_, *flat)) +
                                    ": change it before training, or in a later hook");
}

void ImportancePass::begin(const std::shared_ptr<FlatParameters>& flat) {
  flat_ = flat;
  sum_ = no_importances(flat->values());
  slices_.clear();
  for (const ParameterSlot& slot : flat->slots()) {
    slices_.push_back(sum_[slot.buffer].narrow(0, slot.offset, slot.numel));
  }
  count_ = 0;
  needs_single_samples_ = false;
  latest_.clear();
}

void ImportancePass::accumulate(const Iteration& iteration) {
  const std::shared_ptr<FlatParameters>& flat = iteration.parameters;
  require(flat);
  flat->settle();
  const int64_t samples = rule_->is_of_samples() ? iteration.batch.size() : 1;
  if (samples == 1) accumulate_mini_batch(iteration);
  else accumulate_samples(iteration.output, samples);
  count_ += samples;
}

/// As such its gradients; those of a single sample are the same.
void ImportancePass::accumulate_mini_batch(const Iteration& iteration) {
  const std::shared_ptr<FlatParameters>& flat = iteration.parameters;
  latest_.assign(flat->slots().size(), {});
  const FlatParameters::Receiving receiving(*flat, [&](size_t slot, const at::Tensor& gradient) {
    at::NoGradGuard no_grad;
    latest_[slot] = gradient.is_sparse() ? gradient.coalesce() : gradient.contiguous();
    if (gradient.is_sparse()) rule_->accumulate(flat->slice(sum_, slot), latest_[slot]);
    else rule_->accumulate(slices_[slot], gradient.dim() == 1 ? latest_[slot] : latest_[slot].view(-1));
    return true;
  });
  rule_->differentiate(iteration);
}

void ImportancePass::accumulate_samples(const at::Tensor& output, int64_t samples) {
  const Elementwise f = [this](const at::Tensor& values) { return rule_->of(values); };
  const bool has_rows = output.dim() > 0 && output.size(0) == samples;
  if (has_rows && add_sample_gradients(output, rule_->sample_gradients(output), *flat_, sum_, f)) return;
  needs_single_samples_ = true;
  throw Error("ERR_IMPORTANCE", where() + ": expected a model that keeps samples apart, got one of which that is not known");
}

void ImportancePass::end(const std::shared_ptr<FlatParameters>& flat, bool first_experience) {
  require(flat);
  // Over, also where the penalty cannot take it.
  const FlatTensors sum = std::exchange(sum_, {});
  const std::vector<at::Tensor> latest = std::exchange(latest_, {});
  slices_.clear();
  flat_.reset();
  if (!first_experience && !penalty_->has_memory()) throw penalty_->no_importance(where());
  if (count_ == 0) {
    throw Error("ERR_EMPTY_EXPERIENCE", where() + ": expected mini-batches to measure importances on, got none");
  }
  at::NoGradGuard no_grad;
  for (const at::Tensor& buffer : sum) buffer.div_(static_cast<double>(count_));
  const auto merge = [this](const at::Tensor& importance, const at::Tensor& measured) {
    rule_->merge(importance, measured);
  };
  penalty_->consolidate(flat, sum, first_experience ? nullptr : QuadraticPenalty::Merge(merge));
  for (size_t i = 0; i < latest.size(); ++i) {
    if (!latest[i].defined()) continue;
    if (latest[i].is_sparse()) flat->slots()[i].parameter.mutable_grad() = latest[i];
    else flat->write_grad(i, latest[i]);
  }
}

}  // namespace continual
