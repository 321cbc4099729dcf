#include "core/dynamic_modules.h"

#include <algorithm>

#include "core/error.h"
#include "core/modules.h"
#include "core/script_module.h"

namespace continual {
namespace {

void check_classes(const std::vector<int64_t>& classes) {
  if (classes.empty()) throw Error("ERR_MODEL_ADAPTATION", "adaptation: expected an experience with classes, got none");
  for (const int64_t label : classes) {
    if (label < 0 || label >= kMaxClasses) {
      throw Error("ERR_MODEL_ADAPTATION", "adaptation: expected class labels in [0, " + std::to_string(kMaxClasses) +
                                              "), got " + std::to_string(label));
    }
  }
}

int64_t units_for(const std::vector<int64_t>& classes) { return *std::max_element(classes.begin(), classes.end()) + 1; }

at::Tensor first_rows_kept(const at::Tensor& fresh, const at::Tensor& old) {
  at::Tensor result = fresh.detach().to(old.device(), old.scalar_type());
  result.narrow(0, 0, old.size(0)).copy_(old);
  return result;
}

/// The buffer with room for `units`; the same tensor where it has that already.
at::Tensor grow_units(torch::jit::Module& module, const std::string& name, int64_t units) {
  const at::Tensor old = module.attr(name).toTensor();
  if (old.dim() != 1 || old.size(0) > units) {
    throw Error("ERR_MODEL_ADAPTATION", "adaptation: expected \"" + name + "\" of at most " + std::to_string(units) +
                                            " units, as the layer has them, got shape " + c10::str(old.sizes()));
  }
  if (old.size(0) < units) module.setattr(name, first_rows_kept(at::zeros({units}, old.options()), old));
  return module.attr(name).toTensor();
}

void activate(at::Tensor units, const std::vector<int64_t>& classes) {
  units.index_fill_(0, at::tensor(classes, at::kLong).to(units.device()), 1);
}

}  // namespace

torch::jit::Module incremental_classifier(int64_t in_features, int64_t out_features, bool masking, double mask_value) {
  torch::jit::Module module = script_module("IncrementalClassifier");
  module.register_attribute("masking", c10::BoolType::get(), masking);
  module.register_attribute("mask_value", c10::FloatType::get(), mask_value);
  module.register_module("classifier", modules::linear(in_features, out_features, /*bias=*/true));
  module.register_buffer("active_units", at::zeros({out_features}, at::kChar));
  module.define(R"(
def forward(self, input: Tensor) -> Tensor:
  output = self.classifier.forward(input)
  if self.masking:
    output = output.masked_fill(torch.logical_not(self.active_units), self.mask_value)
  return output
)");
  return module;
}

void adapt_incremental_classifier(torch::jit::Module& module, const std::vector<int64_t>& classes) {
  const at::NoGradGuard no_grad;
  check_classes(classes);
  torch::jit::Module linear = module.attr("classifier").toModule();
  const at::Tensor weight = linear.attr("weight").toTensor();
  const at::Tensor bias = linear.attr("bias").toTensor();
  if (weight.dim() != 2 || bias.dim() != 1 || bias.size(0) != weight.size(0)) {
    throw Error("ERR_MODEL_ADAPTATION", "adaptation: expected a weight [out, in] and a bias [out], got " +
                                            c10::str(weight.sizes()) + " and " + c10::str(bias.sizes()));
  }
  const int64_t units = std::max(weight.size(0), units_for(classes));
  if (module.attr("masking").toBool()) {
    const at::Tensor active = grow_units(module, "active_units", units);
    if (module.is_training()) activate(active, classes);
  }
  if (units == weight.size(0)) return;
  const torch::nn::Linear fresh(weight.size(1), units);
  linear.setattr("weight", first_rows_kept(fresh->weight, weight).requires_grad_());
  linear.setattr("bias", first_rows_kept(fresh->bias, bias).requires_grad_());
}

}  // namespace continual
