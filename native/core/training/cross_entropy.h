// The cross-entropy loss with its labels checked before libtorch sees them.
#pragma once

#include "core/torch.h"

namespace continual {

/// torch.nn.CrossEntropyLoss over class indices [B] (logits [B, C]), [B, d1, ...] (logits [B, C, d1, ...]), or class
/// probabilities of the logits' own shape.
struct CrossEntropy {
  at::Tensor weight;  // [C] or undefined
  int64_t ignore_index = -100;
  double label_smoothing = 0;
  at::Tensor classes;  // int64 [K]: MaskedCrossEntropy over these outputs of logits [B, C] alone; undefined: over all
  int64_t largest_class = -1;

  at::Tensor operator()(const at::Tensor& output, const at::Tensor& target) const;

  CrossEntropy to(const at::Device& device) const;

  /// Throws ERR_LABEL_RANGE for a label outside [0, C) that is not `ignore_index`, or `classes` outside. On CUDA such a
  /// label would be an assertion in a kernel, after which the process can use the device no more: labels that lie on a
  /// device are read, which waits for it.
  void check_labels(const at::Tensor& output, const at::Tensor& target) const;

 private:
  at::Tensor of_classes(const at::Tensor& output, const at::Tensor& target) const;
};

}  // namespace continual
