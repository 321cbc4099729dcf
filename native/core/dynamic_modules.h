// Modules that grow: output layers with a unit for each class that has been seen.
#pragma once

#include "core/torch.h"

namespace continual {

/// Class labels from here on are refused: a layer has a row for every label up to the largest one.
constexpr int64_t kMaxClasses = int64_t{1} << 20;

/// A linear layer `classifier` of [out_features] units and the buffer `active_units` int8 [out_features], all 0. With
/// `masking`, outputs of units that are not active are `mask_value`.
torch::jit::Module incremental_classifier(int64_t in_features, int64_t out_features, bool masking, double mask_value);

/// Gives the classifier a unit for each of these classes, and in train mode activates them (with masking). Growth
/// replaces weight and bias by new, trainable tensors: drawn as a whole from the default generator, weight first, the
/// old rows then put back.
/// Throws ERR_MODEL_ADAPTATION where `active_units` and the layer do not fit together.
void adapt_incremental_classifier(torch::jit::Module& module, const std::vector<int64_t>& classes);

}  // namespace continual
