// A place between autograd and the backends where libtorch keeps nothing for most operators: what is put there sees every
// call of one, and passes on what it does not want.
#pragma once

#include <torch/library.h>

#include "core/torch.h"

namespace continual {

/// The keys of a call from there on.
inline c10::DispatchKeySet below_backend_select(c10::DispatchKeySet keys) {
  return keys & c10::DispatchKeySet(c10::DispatchKeySet::FULL_AFTER, c10::DispatchKey::BackendSelect);
}

/// Kernels of ATen's operators there, kept to the end of the process. To be registered before anybody may call them:
/// libtorch looks operators up without a lock.
inline torch::Library& kernels_at_backend_select() {
  static auto& library =
      *new torch::Library(torch::Library::IMPL, "aten", c10::DispatchKey::BackendSelect, __FILE__, __LINE__);
  return library;
}

}  // namespace continual
