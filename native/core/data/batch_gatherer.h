// Samples gathered from data in memory into mini-batches.
#pragma once

#include "core/data/inputs.h"
#include "core/data/transform.h"

namespace continual {

/// Samples x[i], y[i] with task labels t[i]. `indices` picks and orders samples without copying them.
struct Dataset {
  Inputs inputs;           // [N, ...] on the CPU, each
  at::Tensor targets;      // [N, ...] on the CPU
  at::Tensor indices;      // int64 [n] or undefined: all N in order
  at::Tensor task_labels;  // int64 [n], or [] for one label that all samples have
  Transform transform;     // of one input; nothing happens to several

  int64_t size() const { return indices.defined() ? indices.numel() : inputs.size(); }
};

struct MiniBatch {
  Inputs x;            // [B, ...], each
  at::Tensor y;        // [B, ...]
  at::Tensor task_id;  // int64 [B]
  at::Tensor labels;   // y as it came, where that was on the CPU
  int64_t size() const { return y.size(0); }

  /// Replaces the target by one of the caller's.
  void set_target(const at::Tensor& target) {
    y = target;
    labels = target.is_cpu() ? target : at::Tensor();
  }

  MiniBatch to(const at::Device& device) const;
};

/// Positions in a dataset: those listed, or `count` in a row.
struct Positions {
  at::Tensor list;  // int64 [count] or undefined
  int64_t first = 0;
  int64_t count = 0;
};

/// Copies samples out of a dataset and transforms them, all but the random draws. Inputs of bytes that become numbers take
/// one pass: a table holds what each of the 256 becomes.
class Gatherer {
 public:
  /// @param pinned into memory from which a GPU can copy while the processor goes on
  Gatherer(std::shared_ptr<const Dataset> dataset, bool pinned);

  bool is_for_gpu() const { return pinned_; }

  /// On the CPU.
  MiniBatch operator()(const Positions& positions) const;

 private:
  at::Tensor transformed(const at::Tensor& input, const Positions& rows) const;
  at::Tensor rows(const at::Tensor& from, const Positions& rows) const;

  std::shared_ptr<const Dataset> dataset_;
  bool pinned_;
  at::Tensor table_;  // float32 [256], where it may be used
};

}  // namespace continual
