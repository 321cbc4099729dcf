// A model's forward as one graph, ready to run.
#pragma once

#include <torch/csrc/jit/runtime/interpreter.h>

#include "core/torch.h"

namespace continual {

/// The method `forward` with everything that it calls put in its place: TorchScript looks up no methods and makes no frames
/// while it runs. Every operator is the one that `forward` would call.
///
/// Where all of them are known not to depend on it, images are taken with channels last in memory. Results are then the same
/// but for the order of sums inside convolutions and normalisations.
class InlinedForward {
 public:
  explicit InlinedForward(const torch::jit::Method& forward);

  /// False where the method has been compiled anew since.
  bool is_of(const torch::jit::Method& forward) const;

  /// Calls it with what its schema wants behind `self`, at least one.
  c10::IValue operator()(const torch::jit::Method& forward, torch::jit::Stack inputs) const;

 private:
  std::shared_ptr<torch::jit::Graph> source_;
  torch::jit::Code code_;
  std::optional<torch::jit::Code> channels_last_;
};

}  // namespace continual
