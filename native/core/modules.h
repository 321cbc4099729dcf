// PyTorch's layers as TorchScript modules, so that a model written here trains, saves and opens in Python like one that
// came from there. Parameters are drawn in PyTorch's order from the default generator by libtorch's own initialisers.
#pragma once

#include "core/torch.h"

namespace continual::modules {

torch::jit::Module linear(int64_t in_features, int64_t out_features, bool bias);
torch::jit::Module relu();
torch::jit::Module dropout(double p);
torch::jit::Module flatten(int64_t start_dim, int64_t end_dim);

/// Children "0", "1", ...; each is shared, not copied.
torch::jit::Module sequential(const std::vector<torch::jit::Module>& children);

}  // namespace continual::modules
