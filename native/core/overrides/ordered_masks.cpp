#include "core/overrides/ordered_masks.h"

#include <mutex>

#include "core/overrides/backend_select.h"
#include "core/overrides/default_generators.h"
#include "core/overrides/overrides.h"

namespace continual {
namespace {

thread_local int ordered_masks_guards = 0;

/// oneDNN's convolutions take channels last on every processor, and put them last themselves where they are not.
Fitness fitness_of_channels_last() {
  if (!at::globalContext().hasMKLDNN()) return {.why_impossible = "this libtorch is built without oneDNN"};
  return {};
}

/// Takes the place of the kernel that gives the operator the thread's generator.
at::Tensor& bernoulli_(c10::DispatchKeySet keys, at::Tensor& self, double p, std::optional<at::Generator> generator) {
  put_in_default(generator, self);
  if (ordered_masks_guards == 0 || self.is_contiguous()) {
    return at::_ops::bernoulli__float::redispatch(below_backend_select(keys), self, p, std::move(generator));
  }
  at::Tensor in_order = at::empty(self.sizes(), self.options());
  at::_ops::bernoulli__float::redispatch(below_backend_select(keys), in_order, p, std::move(generator));
  return self.copy_(in_order);
}

}  // namespace

bool are_channels_put_last() {
  static const bool is_on = is_to_go_on("channels last", fitness_of_channels_last());
  return is_on;
}

void let_masks_follow_elements() {
  static std::once_flag once;
  std::call_once(once, [] { kernels_at_backend_select().impl("bernoulli_.float", TORCH_FN(bernoulli_)); });
}

OrderedMasksGuard::OrderedMasksGuard() { ++ordered_masks_guards; }

OrderedMasksGuard::~OrderedMasksGuard() { --ordered_masks_guards; }

}  // namespace continual
