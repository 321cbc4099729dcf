// Operators of a TorchScript model that stay in the mode in which it was traced.
#pragma once

#include "core/torch.h"

namespace continual {

/// An operator that behaves differently in training and evaluation and has its mode as a constant in the graph, so that
/// `train` does not reach it.
struct FrozenMode {
  std::string module;     // path; "" is the outermost
  std::string operation;  // "dropout", "batch_norm", ...
  bool train = false;
};

/// Those of all methods, in the order of the module tree.
std::vector<FrozenMode> frozen_modes(const torch::jit::Module& module);

}  // namespace continual
