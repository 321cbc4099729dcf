#include "core/mas.h"

#include <unordered_map>

#include "core/error.h"
#include "core/mas_kernels.h"

namespace continual {
namespace {

std::string shape_of(const at::Tensor& tensor) { return c10::str(tensor.sizes()); }

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

/// The quadratic penalty over the slots it covers, as one value and one gradient.
struct Penalty {
  std::shared_ptr<FlatParameters> flat;
  at::Tensor omega;
  at::Tensor anchor;
  std::vector<bool> known;
  double lambda;

  enum Treatment : int64_t { kValueOnly, kWrite, kAccumulate };

  /// Returns the value; with `gradient`, adds `factor` times the gradient to the flat gradients.
  double apply(bool gradient, double factor) const {
    const auto& slots = flat->slots();
    const auto treatment = [&](size_t i) -> int64_t {
      if (!known[i]) return -1;
      if (!gradient || !slots[i].parameter.requires_grad()) return kValueOnly;
      return slots[i].parameter.grad().defined() ? kAccumulate : kWrite;
    };
    std::vector<int64_t> treatments(slots.size());
    for (size_t i = 0; i < slots.size(); ++i) treatments[i] = treatment(i);

    double sum = 0;
    for (const Run& run : flat->runs([&](size_t i) { return treatments[i]; })) {
      const auto slice = [&](const at::Tensor& tensor) { return tensor.narrow(0, run.offset, run.numel); };
      const int64_t how = treatments[run.first_slot];
      sum += quadratic_penalty(slice(flat->values()), slice(anchor), slice(omega),
                               how == kValueOnly ? at::Tensor() : slice(flat->grads()), lambda * factor,
                               how == kAccumulate);
    }
    for (size_t i = 0; i < slots.size(); ++i) {
      if (treatments[i] == kWrite) flat->install_grad(i);
    }
    return lambda * sum;
  }
};

}  // namespace

void Mas::align(const std::shared_ptr<FlatParameters>& flat) {
  if (flat_ == flat) return;
  at::NoGradGuard no_grad;
  at::Tensor omega = at::zeros_like(flat->values());
  at::Tensor anchor = at::zeros_like(flat->values());
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
  omega_ = omega;
  anchor_ = anchor;
  known_ = std::move(known);
  flat_ = flat;
}

void Mas::add_penalty(const std::shared_ptr<FlatParameters>& flat, at::Tensor& loss) {
  if (!has_memory()) {
    throw Error("ERR_MAS_NO_IMPORTANCE",
                "MASPlugin.beforeBackward: expected importances of an earlier experience, found none: a plugin must "
                "take part in a strategy's training from its first experience on");
  }
  if (loss.item<double>() == 0) {
    throw Error("ERR_MAS_ZERO_LOSS", "MASPlugin.beforeBackward: expected a loss, got exactly 0");
  }
  align(flat);
  const Penalty penalty{flat, omega_, anchor_, known_, lambda_};
  const bool gradient = at::GradMode::is_enabled();
  at::Tensor value;
  {
    at::NoGradGuard no_grad;
    value = at::full({1}, penalty.apply(gradient, /*factor=*/1), loss.options().requires_grad(false));
  }
  if (gradient) {
    // Backward reaches this leaf with d(objective)/d(penalty). It is 1 unless somebody scaled the loss or runs backward
    // twice; then the gradient written above is corrected.
    value.requires_grad_(true);
    const auto first = std::make_shared<bool>(true);
    value.register_hook([penalty, first, generation = flat->generation()](const at::Tensor& grad) {
      at::NoGradGuard no_grad;
      const double already = *first && penalty.flat->generation() == generation ? 1 : 0;
      *first = false;
      const double factor = grad.item<double>() - already;
      if (factor != 0) penalty.apply(/*gradient=*/true, factor);
    });
  }
  loss.add_(value);
}

void Mas::begin_pass(const std::shared_ptr<FlatParameters>& flat) {
  pass_sum_ = at::zeros_like(flat->values());
  pass_batches_ = 0;
}

void Mas::accumulate(FlatParameters& flat, const at::Tensor& output) {
  at::linalg_vector_norm(output, /*ord=*/2, /*dim=*/1).pow(2).mean().backward();
  flat.settle();
  const auto has_grad = [&](size_t i) -> int64_t {
    const at::Tensor& parameter = flat.slots()[i].parameter;
    return parameter.requires_grad() && parameter.grad().defined() ? 0 : -1;
  };
  for (const Run& run : flat.runs(has_grad)) {
    add_magnitudes(pass_sum_.narrow(0, run.offset, run.numel), flat.grads().narrow(0, run.offset, run.numel));
  }
  ++pass_batches_;
}

void Mas::end_pass(const std::shared_ptr<FlatParameters>& flat, bool first_experience) {
  if (!first_experience && !has_memory()) {
    throw Error("ERR_MAS_NO_IMPORTANCE",
                "MASPlugin.afterTrainingExp: expected importances of an earlier experience, found none: a plugin must "
                "take part in a strategy's training from its first experience on");
  }
  at::NoGradGuard no_grad;
  if (first_experience) {
    memory_.clear();
    flat_.reset();
  }
  align(flat);
  pass_sum_.div_(static_cast<double>(pass_batches_));
  for (const Run& run : flat->runs([&](size_t i) -> int64_t { return known_[i] ? 1 : 0; })) {
    at::Tensor old = omega_.narrow(0, run.offset, run.numel);
    at::Tensor current = pass_sum_.narrow(0, run.offset, run.numel);
    if (known_[run.first_slot]) {
      old.mul_(alpha_).add_(current.mul_(1 - alpha_));
    } else {
      old.copy_(current);
    }
  }
  pass_sum_.reset();
  anchor_.copy_(flat->values());
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
