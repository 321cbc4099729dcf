#include "core/regularization/importance_pass.h"

#include <algorithm>

#include "core/compute/device_reads.h"
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

  std::string name() const override { return pass_->operation(); }
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
  throw Error("ERR_CALL_ORDER", operation() + ": expected the model to stay as it is while importances are measured, got " +
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
  mini_batches_ = 0;
  weight_ = 0;
  finite_.reset();
  measured_.clear();
  needs_single_samples_ = false;
  latest_.clear();
}

void ImportancePass::accumulate(const Iteration& iteration) {
  const std::shared_ptr<FlatParameters>& flat = iteration.parameters;
  require(flat);
  flat->settle();
  const int64_t samples = iteration.batch.size();
  if (rule_->is_of_samples() && samples != 1) accumulate_samples(iteration, samples);
  else accumulate_mini_batch(iteration);
  if (rule_->is_of_samples()) latest_.clear();  // not only where the last mini-batch happens to be one sample
  look_for_nan();
  ++mini_batches_;
  weight_ += rule_->weight(samples);
}

/// What is NaN or infinite stays so when more is added to it: it is enough to look at the sums.
void ImportancePass::look_for_nan() {
  at::NoGradGuard no_grad;
  at::Tensor all_finite;
  for (const at::Tensor& buffer : sum_) {
    if (buffer.numel() == 0) continue;
    if (reads_are_free(buffer.device())) {
      // A sum is cheaper than a maximum, but may overflow by itself.
      if (buffer.sum().isfinite().item<bool>() || buffer.max().isfinite().item<bool>()) continue;
      throw_not_finite(mini_batches_);
    }
    const at::Tensor is_finite = buffer.max().isfinite();
    all_finite = all_finite.defined() ? all_finite.logical_and(is_finite) : is_finite;
  }
  if (all_finite.defined()) finite_ = finite_.defined() ? finite_ + all_finite : all_finite.to(at::kLong);
}

void ImportancePass::throw_not_finite(int64_t mini_batch) const {
  throw Error("ERR_IMPORTANCE", operation() + ": expected finite gradients while importances are measured, got NaN or infinity in mini-batch " +
                                    std::to_string(mini_batch) + "; what was remembered before stays as it was");
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

void ImportancePass::accumulate_samples(const Iteration& iteration, int64_t samples) {
  const at::Tensor& output = iteration.output;
  const Elementwise f = [this](const at::Tensor& values) { return rule_->of(values); };
  const bool has_rows = output.dim() > 0 && output.size(0) == samples;
  const std::vector<at::Tensor> gradients = has_rows ? rule_->sample_gradients(iteration) : std::vector<at::Tensor>();
  bool are_apart = has_rows;
  for (size_t i = 0; are_apart && i < gradients.size(); ++i) {
    are_apart = add_sample_gradients(output, gradients[i], *flat_, sum_, f, /*keep_graph=*/i + 1 < gradients.size());
  }
  if (are_apart) return;
  needs_single_samples_ = true;
  throw Error("ERR_IMPORTANCE", operation() + ": expected a model that keeps samples apart, got one of which that is not known");
}

void ImportancePass::end(const std::shared_ptr<FlatParameters>& flat, bool first_experience) {
  require(flat);
  // Over, also where the penalty cannot take it.
  const FlatTensors sum = std::exchange(sum_, {});
  const std::vector<at::Tensor> latest = std::exchange(latest_, {});
  slices_.clear();
  flat_.reset();
  if (!first_experience && !penalty_->has_memory()) throw penalty_->no_importance(operation());
  if (mini_batches_ == 0) {
    throw Error("ERR_EMPTY_EXPERIENCE", operation() + ": expected mini-batches to measure importances on, got none");
  }
  if (finite_.defined()) {
    const int64_t finite = finite_.item<int64_t>();
    if (finite < mini_batches_) throw_not_finite(finite);
  }
  at::NoGradGuard no_grad;
  for (const at::Tensor& buffer : sum) buffer.div_(static_cast<double>(weight_));
  std::vector<bool> keeps(flat->slots().size());
  for (size_t i = 0; i < keeps.size(); ++i) {
    const at::Tensor of_slot = flat->slice(sum, i);
    const std::string& name = flat->slots()[i].name;
    if (std::find(options_.excluded.begin(), options_.excluded.end(), name) != options_.excluded.end()) of_slot.zero_();
    keeps[i] = options_.unseen == ImportanceOptions::Unseen::kKeep && !first_experience && !of_slot.any().item<bool>();
  }
  normalize(sum);
  if (options_.keeps_measured) {
    for (size_t i = 0; i < flat->slots().size(); ++i) {
      if (!flat->slots()[i].name.empty()) measured_.emplace_back(flat->slots()[i].name, flat->slice(sum, i).clone());
    }
  }
  const double share_of_first = rule_->share_of_first(first_experience);
  const QuadraticPenalty::Merging merging{
      .merge = [this](const at::Tensor& importance, const at::Tensor& now) { rule_->merge(importance, now); },
      .begin = [&](const at::Tensor& importance, const at::Tensor& now) {
        importance.copy_(now);
        if (share_of_first != 1) importance.mul_(share_of_first);
      },
      .keeps = keeps,
      .forgets = first_experience,
      .adds_up = rule_->adds_quadratics()};
  penalty_->consolidate(flat, sum, merging);
  for (size_t i = 0; i < latest.size(); ++i) {
    if (!latest[i].defined()) continue;
    if (latest[i].is_sparse()) flat->slots()[i].parameter.mutable_grad() = latest[i];
    else flat->write_grad(i, latest[i]);
  }
}

/// By one number for all parameters, so that they stay comparable.
void ImportancePass::normalize(const FlatTensors& sum) const {
  using Normalize = ImportanceOptions::Normalize;
  if (options_.normalize == Normalize::kNone) return;
  double total = 0;
  double largest = 0;
  int64_t elements = 0;
  for (const at::Tensor& buffer : sum) {
    if (buffer.numel() == 0) continue;
    total += buffer.sum(at::kDouble).item<double>();
    largest = std::max(largest, buffer.max().item<double>());
    elements += buffer.numel();
  }
  const double unit = options_.normalize == Normalize::kMax ? largest : total / static_cast<double>(std::max<int64_t>(elements, 1));
  if (unit == 0) return;
  for (const at::Tensor& buffer : sum) buffer.div_(unit);
}

}  // namespace continual
