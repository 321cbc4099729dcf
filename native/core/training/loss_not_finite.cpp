#include "core/training/loss_not_finite.h"

#include <algorithm>
#include <cmath>

namespace continual {
namespace {

bool holds_others(const at::Tensor& tensor) {
  return tensor.defined() && !at::isfinite(tensor).all().item<bool>();
}

std::string cause_of(const Moment& moment, const Model& model) {
  for (const auto& [name, parameter] : model.named_parameters()) {
    if (holds_others(parameter)) return "parameter \"" + name + "\" holds NaN or infinity";
  }
  if (holds_others(moment.output)) {
    return "the model's output overflowed: the learning rate or the inputs are too large, or training diverges";
  }
  return "output and parameters are finite: the criterion, or a penalty added to it, is not";
}

}  // namespace

bool is_finite(const at::Tensor& loss) { return loss.numel() != 1 || std::isfinite(loss.item<double>()); }

Error loss_not_finite(const Moment& moment, const Model& model, const Optimizer& optimizer) {
  const auto& inputs = moment.batch.x.tensors;
  std::string cause = "the mini-batch holds NaN or infinity";
  if (std::none_of(inputs.begin(), inputs.end(), holds_others)) {
    cause = cause_of(moment, model);
    for (const std::shared_ptr<PluginPhase>& phase : moment.phases) {
      if (const std::string advice = phase->advice(optimizer); !advice.empty()) cause += ". " + advice;
    }
  }
  return {"ERR_LOSS_NOT_FINITE",
          "backward: expected a finite loss, got " + std::to_string(moment.loss.item<double>()) + " (" + cause + ")"};
}

}  // namespace continual
