#include "core/regularization/quadratic_penalty.h"

#include "core/error.h"
#include "core/regularization/penalty_advice.h"
#include "core/regularization/penalty_kernels.h"
#include "core/regularization/pending_penalty.h"

namespace continual {
namespace {

std::string shape_of(const at::Tensor& tensor) { return c10::str(tensor.sizes()); }

/// What two quadratics come to at the minimum of their sum, sum_k a_k b_k / (a_k + b_k) |x_k - y_k|^2, and in `x` where
/// that is; `y` where neither holds anything.
double add_up(const at::Tensor& a, const at::Tensor& x, const at::Tensor& b, const at::Tensor& y) {
  const at::Tensor wide_a = a.to(at::kDouble), wide_b = b.to(at::kDouble);
  const at::Tensor share = wide_b / (wide_a + wide_b);
  const at::Tensor is_held = share.isfinite();
  const at::ScalarType wide = x.is_complex() ? at::kComplexDouble : at::kDouble;
  const at::Tensor way = y.to(wide) - x.to(wide);
  const at::Tensor height = at::where(is_held, wide_a * share, 0) * way.abs().square();
  x.copy_(at::where(is_held, x.to(wide) + share * way, y.to(wide)));
  return height.sum().item<double>();
}

}  // namespace

std::vector<QuadraticPenalty::Entry> QuadraticPenalty::memory() const {
  std::vector<Entry> entries;
  for (size_t i = 0; i < now_.omega.entries().size(); ++i) {
    const auto& [name, importance] = now_.omega.entries()[i];
    const auto offset = now_.offsets.find(name);
    entries.push_back({name, importance, now_.anchor.entries()[i].values, offset == now_.offsets.end() ? 0 : offset->second});
  }
  return entries;
}

void QuadraticPenalty::align(const std::shared_ptr<FlatParameters>& flat) {
  const auto throw_misfit = [this](const std::string& name, const at::Tensor& was, const at::Tensor& is) {
    throw Error(names_.shape_code, names_.method + ": expected parameter \"" + name + "\" to keep its shape " +
                                       shape_of(was) + " or to grow, got " + shape_of(is));
  };
  now_.omega.align(flat, throw_misfit);
  now_.anchor.align(flat, throw_misfit);
}

double QuadraticPenalty::offset() const {
  double sum = 0;
  if (now_.offsets.empty()) return sum;
  const std::vector<bool>& known = now_.omega.known();
  for (size_t i = 0; i < known.size(); ++i) {
    if (!known[i]) continue;
    const auto found = now_.offsets.find(now_.omega.flat()->slots()[i].name);
    if (found != now_.offsets.end()) sum += found->second;
  }
  return sum;
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
  return {now_.omega.tensors(), now_.anchor.tensors(), now_.omega.known(), offset()};
}

at::Tensor QuadraticPenalty::add_to(at::Tensor& loss, const std::shared_ptr<FlatParameters>& flat) {
  const auto [omega, anchor, known, offset] = held(flat, name());
  const auto penalty = std::make_shared<PendingPenalty>(names_.plugin, flat, omega, anchor, known, lambda_, offset);
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
  const std::vector<bool>& known = now_.omega.known();
  for (size_t i = 0; i < known.size(); ++i) {
    const FlatParameters& flat = *now_.omega.flat();
    if (known[i] && flat.slots()[i].parameter.is_same(parameter)) return flat.slice(now_.omega.tensors(), i);
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
  Memory copies;
  std::vector<ParameterMemory::Entry> importances, anchors;
  for (const auto& [name, importance, anchor, offset] : memory) {
    const at::ScalarType type = importance_type(anchor.scalar_type());
    importances.push_back({name, importance.detach().to(anchor.device(), type, /*non_blocking=*/false, /*copy=*/true)});
    anchors.push_back({name, anchor.detach().clone()});
    if (offset != 0) copies.offsets[name] = offset;
  }
  copies.omega.set(std::move(importances));
  copies.anchor.set(std::move(anchors));
  now_ = std::move(copies);
  previous_.reset();
}

QuadraticPenalty::Memory QuadraticPenalty::change(const std::shared_ptr<FlatParameters>& flat, bool forgets) {
  Memory before = now_;
  if (forgets) forget();
  const bool shares_memory = !forgets && now_.omega.is_aligned(flat);
  align(flat);
  if (keeps_previous_ && shares_memory) {
    const auto copies = [](FlatTensors tensors) {
      for (at::Tensor& tensor : tensors) tensor = tensor.clone();
      return tensors;
    };
    now_.omega.replace(copies(now_.omega.tensors()));
    now_.anchor.replace(copies(now_.anchor.tensors()));
  }
  flat->settle();
  return before;
}

void QuadraticPenalty::end_change(const Memory& before) {
  if (keeps_previous_ && !previous_) previous_ = before;
}

void QuadraticPenalty::consolidate(const std::shared_ptr<FlatParameters>& flat, const FlatTensors& measured,
                                   const Merging& merging) {
  at::NoGradGuard no_grad;
  const Memory before = change(flat, merging.forgets);
  const FlatTensors &omega = now_.omega.tensors(), &anchor = now_.anchor.tensors();
  const std::vector<bool>& known = now_.omega.known();
  for (size_t i = 0; i < flat->slots().size(); ++i) {
    const ParameterSlot& slot = flat->slots()[i];
    if (merging.adds_up && known[i]) {
      now_.offsets[slot.name] += add_up(flat->slice(omega, i), flat->slice(anchor, i), flat->slice(measured, i),
                                        flat->slice(flat->values(), i));
    } else {
      flat->slice(anchor, i).copy_(flat->slice(flat->values(), i));
    }
  }
  const auto treated = [&](size_t i) -> int64_t { return !known[i] ? 0 : merging.keeps[i] ? -1 : 1; };
  for (const Run& run : flat->runs(treated)) {
    const auto& change = treated(run.first_slot) == 1 ? merging.merge : merging.begin;
    change(run.of(omega), run.of(measured));
  }
  const std::vector<bool> all(flat->slots().size(), true);
  now_.omega.know(all);
  now_.anchor.know(all);
  end_change(before);
}

void QuadraticPenalty::anchor(const std::shared_ptr<FlatParameters>& flat, const std::vector<bool>& slots) {
  at::NoGradGuard no_grad;
  flat->settle();
  align(flat);
  now_.omega.know(slots);
  now_.anchor.know(slots);
  const auto chosen = [&](size_t i) -> int64_t { return slots[i] ? 0 : -1; };
  for (const Run& run : flat->runs(chosen)) run.of(now_.anchor.tensors()).copy_(run.of(flat->values()));
}

void QuadraticPenalty::assign(const std::shared_ptr<FlatParameters>& flat, const FlatTensors& omega,
                              const std::vector<bool>& slots, bool forgets) {
  at::NoGradGuard no_grad;
  for (size_t i = 0; i < slots.size(); ++i) {
    if (!slots[i] || flat->slice(omega, i).isfinite().all().item<bool>()) continue;
    throw Error("ERR_IMPORTANCE", names_.plugin + ".afterTrainingExp: expected finite importances, got NaN or infinity of \"" +
                                      flat->slots()[i].name + "\"; what was remembered before stays as it was");
  }
  const Memory before = change(flat, forgets);
  const auto chosen = [&](size_t i) -> int64_t { return slots[i] ? 0 : -1; };
  for (const Run& run : flat->runs(chosen)) run.of(now_.omega.tensors()).copy_(run.of(omega));
  anchor(flat, slots);
  end_change(before);
}

void QuadraticPenalty::hold_all(const std::shared_ptr<FlatParameters>& flat) {
  const FlatTensors ones = no_importances(flat->values());
  for (const at::Tensor& buffer : ones) buffer.fill_(1);
  assign(flat, ones, std::vector<bool>(flat->slots().size(), true), /*forgets=*/false);
}

std::string QuadraticPenalty::advice(const Optimizer& optimizer) const { return advice_on_penalty(*this, optimizer); }

void QuadraticPenalty::look_at(const Optimizer& optimizer, const std::shared_ptr<FlatParameters>& flat) {
  held(flat, names_.plugin + ".beforeTrainingExp");
  stability_ = stability_of(*this, optimizer);
}

}  // namespace continual
