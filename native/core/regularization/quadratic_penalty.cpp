#include "core/regularization/quadratic_penalty.h"

#include <unordered_map>

#include "core/error.h"
#include "core/regularization/penalty_advice.h"
#include "core/regularization/penalty_kernels.h"
#include "core/regularization/pending_penalty.h"

namespace continual {
namespace {

std::string shape_of(const at::Tensor& tensor) { return c10::str(tensor.sizes()); }

/// Copies `from` to the low indices of `to`: at most as long in every dimension.
void copy_to_low_indices(const MethodNames& names, const std::string& name, const at::Tensor& from, at::Tensor to) {
  bool fits = from.dim() == to.dim();
  for (int64_t d = 0; fits && d < to.dim(); ++d) fits = from.size(d) <= to.size(d);
  if (!fits) {
    throw Error(names.shape_code, names.method + ": expected parameter \"" + name + "\" to keep its shape " +
                                      shape_of(from) + " or to grow, got " + shape_of(to));
  }
  for (int64_t d = 0; d < to.dim(); ++d) to = to.narrow(d, 0, from.size(d));
  to.copy_(from);
}

}  // namespace

void QuadraticPenalty::align(const std::shared_ptr<FlatParameters>& flat) {
  if (now_.flat == flat) return;
  at::NoGradGuard no_grad;
  FlatTensors omega = no_importances(flat->values());
  FlatTensors anchor;
  for (const at::Tensor& values : flat->values()) anchor.push_back(at::zeros_like(values));
  std::vector<bool> known(flat->slots().size(), false);
  std::unordered_map<std::string, size_t> slot_of;
  for (size_t i = 0; i < flat->slots().size(); ++i) {
    if (!flat->slots()[i].name.empty()) slot_of.emplace(flat->slots()[i].name, i);
  }
  std::vector<Entry> memory = now_.entries;
  for (Entry& entry : memory) {
    const auto found = slot_of.find(entry.name);
    if (found == slot_of.end()) {
      // What has left the model shall not keep the whole of it.
      entry.importance = entry.importance.clone();
      entry.anchor = entry.anchor.clone();
      continue;
    }
    const size_t slot = found->second;
    copy_to_low_indices(names_, entry.name, entry.importance, flat->slice(omega, slot));
    copy_to_low_indices(names_, entry.name, entry.anchor, flat->slice(anchor, slot));
    entry.importance = flat->slice(omega, slot);
    entry.anchor = flat->slice(anchor, slot);
    known[slot] = true;
  }
  now_.entries = std::move(memory);
  now_.omega = std::move(omega);
  now_.anchor = std::move(anchor);
  now_.known = std::move(known);
  now_.flat = flat;
}

Error QuadraticPenalty::no_importance(const std::string& where) const {
  return {names_.no_importance_code,
          where +
              ": expected importances of an earlier experience, found none: a plugin must take part in a strategy's "
              "training from its first experience on"};
}

QuadraticPenalty::Held QuadraticPenalty::held(const std::shared_ptr<FlatParameters>& flat, const std::string& phase) {
  if (!has_memory()) throw no_importance(phase);
  flat->settle();
  align(flat);
  return {now_.omega, now_.anchor, now_.known};
}

at::Tensor QuadraticPenalty::add_to(at::Tensor& loss, const std::shared_ptr<FlatParameters>& flat) {
  const auto [omega, anchor, known] = held(flat, name());
  const auto penalty = std::make_shared<PendingPenalty>(names_.plugin, flat, omega, anchor, known, lambda_);
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
  return value.detach();
}

at::Tensor QuadraticPenalty::importance(const at::Tensor& parameter) const {
  for (size_t i = 0; now_.flat && i < now_.known.size(); ++i) {
    if (now_.known[i] && now_.flat->slots()[i].parameter.is_same(parameter)) return now_.flat->slice(now_.omega, i);
  }
  return {};
}

void QuadraticPenalty::forget() { now_ = {}; }

void QuadraticPenalty::keep_previous(bool keep) {
  keeps_previous_ = keep;
  previous_.reset();
}

void QuadraticPenalty::take_back() {
  if (!previous_) return;
  now_ = std::move(*previous_);
  previous_.reset();
}

void QuadraticPenalty::set_memory(const std::vector<Entry>& memory) {
  at::NoGradGuard no_grad;
  std::vector<Entry> copies;
  for (const auto& [name, importance, anchor] : memory) {
    const at::ScalarType type = importance_type(anchor.scalar_type());
    copies.push_back({name, importance.detach().to(anchor.device(), type, /*non_blocking=*/false, /*copy=*/true),
                      anchor.detach().clone()});
  }
  forget();
  previous_.reset();
  now_.entries = std::move(copies);
}

void QuadraticPenalty::consolidate(const std::shared_ptr<FlatParameters>& flat, const FlatTensors& measured,
                                   const Merging& merging) {
  at::NoGradGuard no_grad;
  const Memory before = now_;
  if (merging.forgets) forget();
  align(flat);
  if (keeps_previous_ && !merging.forgets && now_.flat == before.flat) {
    for (at::Tensor& omega : now_.omega) omega = omega.clone();
    for (at::Tensor& anchor : now_.anchor) anchor = at::empty_like(anchor);
  }
  const auto treated = [&](size_t i) -> int64_t { return !now_.known[i] ? 0 : merging.keeps[i] ? -1 : 1; };
  for (const Run& run : flat->runs(treated)) {
    const auto& change = treated(run.first_slot) == 1 ? merging.merge : merging.begin;
    change(run.of(now_.omega), run.of(measured));
  }
  flat->settle();
  for (size_t i = 0; i < now_.anchor.size(); ++i) now_.anchor[i].copy_(flat->values()[i]);
  remember(flat);
  if (keeps_previous_ && !previous_) previous_ = before;
}

std::string QuadraticPenalty::advice(const Optimizer& optimizer) const { return advice_on_penalty(*this, optimizer); }

void QuadraticPenalty::look_at(const Optimizer& optimizer, const std::shared_ptr<FlatParameters>& flat) {
  held(flat, names_.plugin + ".beforeTrainingExp");
  stability_ = stability_of(*this, optimizer);
}

void QuadraticPenalty::remember(const std::shared_ptr<FlatParameters>& flat) {
  std::vector<Entry> memory;
  std::unordered_map<std::string, bool> present;
  for (size_t i = 0; i < flat->slots().size(); ++i) {
    const std::string& name = flat->slots()[i].name;
    if (name.empty()) continue;
    memory.push_back({name, flat->slice(now_.omega, i), flat->slice(now_.anchor, i)});
    now_.known[i] = true;
    present.emplace(name, true);
  }
  for (const Entry& entry : now_.entries) {
    if (!present.count(entry.name)) memory.push_back(entry);
  }
  now_.entries = std::move(memory);
}

}  // namespace continual
