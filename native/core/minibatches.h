// Data in memory, and mini-batches drawn from it in PyTorch's order.
#pragma once

#include "core/torch.h"

namespace continual {

/// What happens to the gathered inputs of a mini-batch, in this order.
struct Transform {
  at::Tensor permutation;           // int64 [features] or undefined: x.flatten(1)[:, permutation]
  bool fill = false;                // the permutation may name feature [features], which is 0
  bool to_float = false;            // uint8 -> float32 / 255
  std::optional<double> mean, std;  // (x - mean) / std
  int64_t draws = 0;                // random numbers that the reference draws for each sample it transforms
};

/// Samples x[i], y[i] with task labels t[i]. `indices` picks and orders samples without copying them.
struct Dataset {
  at::Tensor inputs;       // [N, ...] on the CPU
  at::Tensor targets;      // [N, ...] on the CPU
  at::Tensor indices;      // int64 [n] or undefined: all N in order
  at::Tensor task_labels;  // int64 [n], or [] for one label that all samples have
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

/// How a pass draws from a dataset.
struct Sampling {
  int64_t batch_size = 1;
  bool shuffle = false;
  bool drop_last = false;
  /// Positions int64 [n] of each group; every mini-batch holds samples of all of them, side by side in this order.
  /// None: the whole dataset is one group.
  std::vector<at::Tensor> groups = {};
  /// Starts a group that is exhausted before the longest one again, instead of going on without it.
  bool oversample = false;
};

/// One pass over a dataset. Random numbers come from libtorch's default CPU generator exactly as PyTorch's DataLoader
/// takes them: one full-range int64 when the loader opens, and with `shuffle` one more whenever a group starts (the
/// longest one first), which seeds a generator of its own for randperm.
class MiniBatches {
 public:
  MiniBatches(std::shared_ptr<const Dataset> dataset, Sampling sampling);

  /// Number of mini-batches of the pass: that of the longest group.
  int64_t length() const { return groups_[longest_].length(); }

  /// Puts the next mini-batch into `batch`, on `device`; false at the end.
  bool next(MiniBatch& batch, const at::Device& device);

 private:
  struct Group {
    at::Tensor positions;  // in the dataset; undefined: all
    int64_t size;
    int64_t batch_size;
    bool drop_last;
    at::Tensor order;  // int64 [size]: positions in the order of this round; undefined: 0, 1, ...
    int64_t next = 0;

    int64_t length() const { return drop_last ? size / batch_size : (size + batch_size - 1) / batch_size; }
    int64_t remaining() const;
  };
  void start(Group& group) const;

  std::shared_ptr<const Dataset> dataset_;
  bool shuffle_;
  bool oversample_;
  std::vector<Group> groups_;
  size_t longest_ = 0;
};

}  // namespace continual
