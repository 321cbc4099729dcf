// PyTorch's layers as TorchScript modules, so that a model written here trains, saves and opens in Python like one that
// came from there. Parameters are drawn in PyTorch's order from the default generator by libtorch's own initialisers.
#pragma once

#include <array>

#include "core/torch.h"

namespace continual::modules {

torch::jit::Module linear(int64_t in_features, int64_t out_features, bool bias);
torch::jit::Module relu();
torch::jit::Module dropout(double p);
torch::jit::Module flatten(int64_t start_dim, int64_t end_dim);

using Size2d = std::array<int64_t, 2>;  // height, width

torch::jit::Module conv2d(int64_t in_channels, int64_t out_channels, Size2d kernel, Size2d stride, Size2d padding,
                          Size2d dilation, int64_t groups, bool bias);
torch::jit::Module batch_norm2d(int64_t num_features, double eps, double momentum);
torch::jit::Module max_pool2d(Size2d kernel, Size2d stride, Size2d padding);
torch::jit::Module avg_pool2d(Size2d kernel, Size2d stride, Size2d padding);
torch::jit::Module adaptive_max_pool2d(Size2d output);

/// Children "0", "1", ...; each is shared, not copied.
torch::jit::Module sequential(const std::vector<torch::jit::Module>& children);

}  // namespace continual::modules
