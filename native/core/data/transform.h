// What happens to the input of a mini-batch.
#pragma once

#include <optional>

#include "core/torch.h"

namespace continual {

/// The stages of a transform, in their order.
struct Transform {
  int64_t pad = 0;                  // zeros at each side of the last two dimensions
  at::Tensor permutation;           // int64 [features] or undefined: x.flatten(1)[:, permutation]
  bool fill = false;                // the permutation may name feature [features], which is 0
  bool to_float = false;            // uint8 -> float32 / 255
  std::optional<double> mean, std;  // (x - mean) / std
  int64_t draws = 0;                // random numbers that the reference draws for each sample it transforms

  /// Takes over int64 [features] of samples that have so many once they are padded; -1 stands for a feature that is 0.
  /// Throws ERR_INDEX_RANGE.
  void permute(at::Tensor by, int64_t features);

  /// How many features padded samples x [B, ...] have. Throws ERR_INVALID_ARG_VALUE where they have no two dimensions
  /// to pad.
  int64_t features_of(const at::Tensor& x) const;

  /// x [B, ...] transformed; x itself may change. No random numbers are drawn.
  at::Tensor operator()(at::Tensor x) const;

  /// Draws the numbers of so many samples, for nothing.
  void draw(int64_t samples) const;
};

}  // namespace continual
