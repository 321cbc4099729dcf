#include "core/regularization/mas.h"

#include <unordered_map>

#include "core/error.h"
#include "core/regularization/penalty_kernels.h"
#include "core/regularization/pending_penalty.h"

namespace continual {
namespace {

std::string shape_of(const at::Tensor& tensor) { return c10::str(tensor.sizes()); }

/// No importance, for parameters that lie like `values`.
FlatTensors no_importances(const FlatTensors& values) {
  FlatTensors zeros;
  for (const at::Tensor& buffer : values) {
    zeros.push_back(at::zeros_like(buffer, buffer.options().dtype(importance_type(buffer.scalar_type()))));
  }
  return zeros;
}

/// Copies `from` to the low indices of `to`: at most as long in every dimension.
void copy_to_low_indices(const std::string& name, const at::Tensor& from, at::Tensor to) {
  bool fits = from.dim() == to.dim();
  for (int64_t d = 0; fits && d < to.dim(); ++d) fits = from.size(d) <= to.size(d);
  if (!fits) {
    throw Error("ERR_MAS_SHAPE", "MAS: expected parameter \"" + name + "\" to keep its shape " + shape_of(from) +
                                     " or to grow, got " + shape_of(to));
  }
  for (int64_t d = 0; d < to.dim(); ++d) to = to.narrow(d, 0, from.size(d));
  to.copy_(from);
}

}  // namespace

void Mas::align(const std::shared_ptr<FlatParameters>& flat) {
  if (flat_ == flat) return;
  at::NoGradGuard no_grad;
  FlatTensors omega = no_importances(flat->values());
  FlatTensors anchor;
  for (const at::Tensor& values : flat->values()) anchor.push_back(at::zeros_like(values));
  std::vector<bool> known(flat->slots().size(), false);
  std::unordered_map<std::string, size_t> slot_of;
  for (size_t i = 0; i < flat->slots().size(); ++i) {
    if (!flat->slots()[i].name.empty()) slot_of.emplace(flat->slots()[i].name, i);
  }
  std::vector<Entry> memory = memory_;
  for (Entry& entry : memory) {
    const auto found = slot_of.find(entry.name);
    if (found == slot_of.end()) continue;
    const size_t slot = found->second;
    copy_to_low_indices(entry.name, entry.importance, flat->slice(omega, slot));
    copy_to_low_indices(entry.name, entry.anchor, flat->slice(anchor, slot));
    entry.importance = flat->slice(omega, slot);
    entry.anchor = flat->slice(anchor, slot);
    known[slot] = true;
  }
  memory_ = std::move(memory);
  omega_ = std::move(omega);
  anchor_ = std::move(anchor);
  known_ = std::move(known);
  flat_ = flat;
}

void Mas::add_penalty(const std::shared_ptr<FlatParameters>& flat, at::Tensor& loss) {
  if (!has_memory()) {
    throw Error("ERR_MAS_NO_IMPORTANCE",
                "MASPlugin.beforeBackward: expected importances of an earlier experience, found none: a plugin must "
                "take part in a strategy's training from its first experience on");
  }
  flat->settle();
  align(flat);
  const auto penalty = std::make_shared<PendingPenalty>(flat, omega_, anchor_, known_, lambda_);
  at::Tensor value;
  {
    at::NoGradGuard no_grad;
    value = penalty->value(loss.options().requires_grad(false));
  }
  if (at::GradMode::is_enabled()) {
    // Backward hands this leaf d(objective)/d(penalty): 1, unless somebody scaled the loss.
    value.requires_grad_(true);
    value.register_hook([penalty](const at::Tensor& grad) {
      at::NoGradGuard no_grad;
      penalty->backward(grad);
    });
  }
  loss.add_(value);
}

at::Tensor Mas::importance(const at::Tensor& parameter) const {
  for (size_t i = 0; flat_ && i < known_.size(); ++i) {
    if (known_[i] && flat_->slots()[i].parameter.is_same(parameter)) return flat_->slice(omega_, i);
  }
  return {};
}

void Mas::require_pass(const std::shared_ptr<FlatParameters>& flat) const {
  if (!pass_flat_) {
    throw Error("ERR_CALL_ORDER", "MASPlugin: expected an importance pass to be under way, got none");
  }
  const std::optional<std::string> changed = pass_flat_->misfit();
  if (!changed && flat == pass_flat_) return;
  throw Error("ERR_CALL_ORDER",
              "MASPlugin.afterTrainingExp: expected the model to stay as it is while importances are measured, got " +
                  changed.value_or("other parameters") + ": change it before training, or in a later hook");
}

void Mas::begin_pass(const std::shared_ptr<FlatParameters>& flat) {
  pass_flat_ = flat;
  pass_sum_ = no_importances(flat->values());
  pass_slices_.clear();
  for (const ParameterSlot& slot : flat->slots()) {
    pass_slices_.push_back(pass_sum_[slot.buffer].narrow(0, slot.offset, slot.numel));
  }
  pass_batches_ = 0;
  latest_.clear();
}

void Mas::accumulate(const std::shared_ptr<FlatParameters>& flat, const at::Tensor& output) {
  require_pass(flat);
  if (output.dim() == 0) {
    throw Error("ERR_IMPORTANCE",
                "MASPlugin.afterTrainingExp: expected an output for each sample, [B, C] or [B], got a single number");
  }
  flat->settle();
  latest_.assign(flat->slots().size(), {});
  const FlatParameters::Receiving receiving(*flat, [&](size_t slot, const at::Tensor& gradient) {
    at::NoGradGuard no_grad;
    latest_[slot] = gradient.is_sparse() ? gradient.coalesce() : gradient.contiguous();
    if (gradient.is_sparse()) flat->slice(pass_sum_, slot).add_(latest_[slot].abs());
    else add_magnitudes(pass_slices_[slot], gradient.dim() == 1 ? latest_[slot] : latest_[slot].view(-1));
    return true;
  });
  if (output.scalar_type() == at::kFloat || output.scalar_type() == at::kDouble) {
    // d/dF mean ||F||^2 = 2 F / (number of norms), without a graph through norm, square and mean.
    const at::Tensor detached = output.detach();
    const int64_t width = output.dim() == 1 ? 1 : output.size(1);
    output.backward(detached * (2.0 * static_cast<double>(width) / static_cast<double>(output.numel())));
  } else {
    const at::Tensor rows = output.dim() == 1 ? output.unsqueeze(1) : output;
    at::linalg_vector_norm(rows, /*ord=*/2, /*dim=*/1).pow(2).mean().backward();
  }
  ++pass_batches_;
}

void Mas::end_pass(const std::shared_ptr<FlatParameters>& flat, bool first_experience) {
  require_pass(flat);
  if (!first_experience && !has_memory()) {
    throw Error("ERR_MAS_NO_IMPORTANCE",
                "MASPlugin.afterTrainingExp: expected importances of an earlier experience, found none: a plugin must "
                "take part in a strategy's training from its first experience on");
  }
  if (pass_batches_ == 0) {
    throw Error("ERR_EMPTY_EXPERIENCE",
                "MASPlugin.afterTrainingExp: expected mini-batches to measure importances on, got none");
  }
  at::NoGradGuard no_grad;
  if (first_experience) {
    memory_.clear();
    flat_.reset();
  }
  align(flat);
  for (at::Tensor& sum : pass_sum_) sum.div_(static_cast<double>(pass_batches_));
  for (const Run& run : flat->runs([&](size_t i) -> int64_t { return known_[i] ? 1 : 0; })) {
    at::Tensor old = run.of(omega_);
    at::Tensor current = run.of(pass_sum_);
    if (known_[run.first_slot]) {
      old.mul_(alpha_).add_(current.mul_(1 - alpha_));
    } else {
      old.copy_(current);
    }
  }
  pass_sum_.clear();
  // What the reference leaves behind: the gradients of the last mini-batch.
  for (size_t i = 0; i < latest_.size(); ++i) {
    if (!latest_[i].defined()) continue;
    if (latest_[i].is_sparse()) flat->slots()[i].parameter.mutable_grad() = latest_[i];
    else flat->write_grad(i, latest_[i]);
  }
  latest_.clear();
  pass_flat_.reset();
  flat->settle();
  for (size_t i = 0; i < anchor_.size(); ++i) anchor_[i].copy_(flat->values()[i]);
  remember(flat);
}

void Mas::remember(const std::shared_ptr<FlatParameters>& flat) {
  std::vector<Entry> memory;
  std::unordered_map<std::string, bool> present;
  for (size_t i = 0; i < flat->slots().size(); ++i) {
    const std::string& name = flat->slots()[i].name;
    if (name.empty()) continue;
    memory.push_back({name, flat->slice(omega_, i), flat->slice(anchor_, i)});
    known_[i] = true;
    present.emplace(name, true);
  }
  for (const Entry& entry : memory_) {
    if (!present.count(entry.name)) memory.push_back(entry);
  }
  memory_ = std::move(memory);
}

}  // namespace continual
