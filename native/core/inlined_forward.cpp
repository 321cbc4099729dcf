#include "core/inlined_forward.h"

#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/inliner.h>

#include "core/channels_last.h"

namespace continual {
namespace {

std::shared_ptr<torch::jit::Graph> graph_of(const torch::jit::Module& module) {
  return torch::jit::toGraphFunction(module.get_method("forward").function()).graph();
}

}  // namespace

InlinedForward::InlinedForward(const torch::jit::Module& module) : source_(graph_of(module)) {
  std::shared_ptr<torch::jit::Graph> graph = source_->copy();
  torch::jit::Inline(*graph);
  torch::jit::EliminateDeadCode(graph);
  code_ = torch::jit::Code(graph, "forward");
  if (!may_run_channels_last(*graph)) return;
  graph = graph->copy();
  prepare_for_channels_last(*graph);
  channels_last_ = torch::jit::Code(graph, "forward");
}

bool InlinedForward::is_of(const torch::jit::Module& module) const { return graph_of(module) == source_; }

c10::IValue InlinedForward::operator()(const torch::jit::Module& module, torch::jit::Stack inputs) const {
  const bool with_channels_last = channels_last_ && inputs[0].isTensor() && gains_from_channels_last(inputs[0].toTensor());
  if (with_channels_last) inputs[0] = inputs[0].toTensor().contiguous(at::MemoryFormat::ChannelsLast);
  inputs.insert(inputs.begin(), module._ivalue());
  if (with_channels_last) {
    const ChannelsLastGuard guard;
    torch::jit::InterpreterState(*channels_last_).run(inputs);
  } else {
    torch::jit::InterpreterState(code_).run(inputs);
  }
  return std::move(inputs.back());
}

}  // namespace continual
