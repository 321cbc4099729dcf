// Where the samples of a mini-batch lie in a tensor.
#pragma once

#include "core/torch.h"

namespace continual {

/// A tensor keeps samples apart where its element k, in row-major order, has to do with sample (k / inner) % samples alone.
/// Any reshape keeps that as it is.
struct SampleAxis {
  int64_t samples = 0;
  int64_t inner = 0;

  bool operator==(const SampleAxis& other) const { return samples == other.samples && inner == other.inner; }

  /// The dimension in which the samples lie: it has outer * samples * within entries, the sample's number in between.
  struct Place {
    int64_t dim;
    int64_t outer;
    int64_t within;
  };
  /// Nothing where they lie across several dimensions.
  std::optional<Place> in(at::IntArrayRef sizes) const;

  /// As a view [samples, before..., outer, within, after...] of a tensor in which they lie in one dimension.
  at::Tensor apart(const at::Tensor& tensor) const;

  /// Of a matrix with samples in its rows: [samples, rows of a sample, columns].
  at::Tensor rows(const at::Tensor& matrix) const;

  /// Sums over each sample's entries for what was broadcast to the tensor's shape along the samples:
  /// [samples, sizes...].
  at::Tensor sums(const at::Tensor& tensor, at::IntArrayRef sizes) const;
};

}  // namespace continual
