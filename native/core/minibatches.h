// Data in memory, and mini-batches drawn from it in PyTorch's order.
#pragma once

#include "core/torch.h"

namespace continual {

/// What happens to the gathered inputs of a mini-batch, in this order.
struct Transform {
  at::Tensor permutation;           // int64 [features] or undefined: x.flatten(1)[:, permutation], back in its shape
  bool to_float = false;            // uint8 -> float32 / 255
  std::optional<double> mean, std;  // (x - mean) / std
};

/// Samples x[i], y[i], and a task label. `indices` picks and orders samples without copying them.
struct Dataset {
  at::Tensor inputs;   // [N, ...] on the CPU
  at::Tensor targets;  // [N, ...] on the CPU
  at::Tensor indices;  // int64 [n] or undefined: all N in order
  int64_t task_label = 0;
  Transform transform;

  int64_t size() const { return indices.defined() ? indices.numel() : inputs.size(0); }
};

struct MiniBatch {
  at::Tensor x;        // [B, ...]
  at::Tensor y;        // [B, ...]
  at::Tensor task_id;  // int64 [B]
  at::Tensor labels;   // y where it was gathered, on the CPU
  int64_t size() const { return y.size(0); }

  /// Replaces the target by one of the caller's.
  void set_target(const at::Tensor& target) {
    y = target;
    labels = target.to(at::kCPU);
  }
};

/// One pass over a dataset. Random numbers come from libtorch's default CPU generator exactly as PyTorch's DataLoader
/// takes them: one full-range int64 when the loader opens, and with `shuffle` one more at the first mini-batch, which
/// seeds a generator of its own for randperm.
class MiniBatches {
 public:
  MiniBatches(std::shared_ptr<const Dataset> dataset, int64_t batch_size, bool shuffle, bool drop_last);

  /// Number of mini-batches of the pass.
  int64_t length() const;

  /// Puts the next mini-batch into `batch`, on `device`; false at the end.
  bool next(MiniBatch& batch, const at::Device& device);

 private:
  std::shared_ptr<const Dataset> dataset_;
  int64_t batch_size_;
  bool shuffle_;
  bool drop_last_;
  at::Tensor order_;  // int64 [n] of the shuffled pass
  int64_t position_ = 0;
};

}  // namespace continual
