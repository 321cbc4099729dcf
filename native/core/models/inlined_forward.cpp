#include "core/models/inlined_forward.h"

#include <torch/csrc/jit/passes/inliner.h>

#include "core/models/channels_last.h"
#include "core/overrides/ordered_masks.h"

namespace continual {
namespace {

std::shared_ptr<torch::jit::Graph> graph_of(const torch::jit::Method& forward) {
  return torch::jit::toGraphFunction(forward.function()).graph();
}

}  // namespace

InlinedForward::InlinedForward(const torch::jit::Method& forward) : source_(graph_of(forward)) {
  std::shared_ptr<torch::jit::Graph> graph = source_->copy();
  torch::jit::Inline(*graph);
  // No dead code is taken out: it may draw random numbers, or change what the pass takes for another tensor.
  code_ = torch::jit::Code(graph, "forward");
  if (!may_run_channels_last(*graph)) return;
  graph = graph->copy();
  prepare_for_channels_last(*graph);
  channels_last_ = torch::jit::Code(graph, "forward");
}

bool InlinedForward::is_of(const torch::jit::Method& forward) const { return graph_of(forward) == source_; }

c10::IValue InlinedForward::operator()(const torch::jit::Method& forward, torch::jit::Stack inputs) const {
  inputs.insert(inputs.begin(), forward.owner()._ivalue());
  forward.function().getSchema().checkAndNormalizeInputs(inputs);
  c10::IValue& input = inputs[1];
  if (channels_last_ && input.isTensor() && gains_from_channels_last(input.toTensor())) {
    const OrderedMasksGuard guard;
    input = input.toTensor().contiguous(at::MemoryFormat::ChannelsLast);
    torch::jit::InterpreterState(*channels_last_).run(inputs);
  } else {
    torch::jit::InterpreterState(code_).run(inputs);
  }
  return std::move(inputs.back());
}

}  // namespace continual
