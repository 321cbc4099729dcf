// Parts of a TorchScript model that no training can change.
#pragma once

#include "core/torch.h"

namespace continual {

/// Why the weights of a module stay as they are.
enum class Fixed {
  kFrozen,     // torch.jit.freeze made them constants of the graph
  kQuantized,  // its operators compute with integers, through which no gradient passes
};

struct UntrainablePart {
  std::string module;  // path; "" is the outermost
  Fixed reason;
};

/// Those of all methods, in the order of the module tree.
std::vector<UntrainablePart> untrainable_parts(const torch::jit::Module& module);

}  // namespace continual
