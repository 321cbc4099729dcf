#include "core/modules.h"

#include "core/error.h"
#include "core/script_module.h"

namespace continual::modules {
namespace {

void define_forward(torch::jit::Module& module, const std::string& body) {
  module.define("def forward(self, input: Tensor) -> Tensor:\n" + body);
}

}  // namespace

torch::jit::Module linear(int64_t in_features, int64_t out_features, bool bias) {
  torch::nn::Linear initial(torch::nn::LinearOptions(in_features, out_features).bias(bias));
  torch::jit::Module module = script_module("Linear");
  module.register_parameter("weight", initial->weight, /*is_buffer=*/false);
  if (bias) module.register_parameter("bias", initial->bias, /*is_buffer=*/false);
  define_forward(module, bias ? "  return torch.linear(input, self.weight, self.bias)\n"
                              : "  return torch.linear(input, self.weight, None)\n");
  return module;
}

torch::jit::Module relu() {
  torch::jit::Module module = script_module("ReLU");
  define_forward(module, "  return torch.relu(input)\n");
  return module;
}

torch::jit::Module dropout(double p) {
  torch::jit::Module module = script_module("Dropout");
  module.register_attribute("p", c10::FloatType::get(), p);
  define_forward(module, "  return torch.dropout(input, self.p, self.training)\n");
  return module;
}

torch::jit::Module flatten(int64_t start_dim, int64_t end_dim) {
  torch::jit::Module module = script_module("Flatten");
  module.register_attribute("start_dim", c10::IntType::get(), start_dim);
  module.register_attribute("end_dim", c10::IntType::get(), end_dim);
  define_forward(module, "  return torch.flatten(input, self.start_dim, self.end_dim)\n");
  return module;
}

torch::jit::Module sequential(const std::vector<torch::jit::Module>& children) {
  std::vector<std::pair<std::string, torch::jit::Module>> named;
  std::string source = "def forward(self, input: Tensor) -> Tensor:\n";
  for (size_t i = 0; i < children.size(); ++i) {
    if (takes_task_labels(children[i])) {
      throw Error("ERR_INVALID_ARG_VALUE",
                  "nn.Sequential: expected children that take one input, got one that takes "
                  "task labels as well at index " +
                      std::to_string(i));
    }
    named.emplace_back(std::to_string(i), children[i]);
    source += "  input = getattr(self, \"" + named.back().first + "\").forward(input)\n";
  }
  return compose("Sequential", named, source + "  return input\n");
}

}  // namespace continual::modules
