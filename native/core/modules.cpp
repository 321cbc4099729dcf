#include "core/modules.h"

namespace continual::modules {
namespace {

torch::jit::Module module_named(const std::string& name) {
  torch::jit::Module module(c10::QualifiedName("__torch__.continual_torch.nn." + name),
                            std::make_shared<torch::jit::CompilationUnit>(), /*shouldMangle=*/true);
  module.register_attribute("training", c10::BoolType::get(), true);
  return module;
}

void define_forward(torch::jit::Module& module, const std::string& body) {
  module.define("def forward(self, input: Tensor) -> Tensor:\n" + body);
}

}  // namespace

torch::jit::Module linear(int64_t in_features, int64_t out_features, bool bias) {
  torch::nn::Linear initial(torch::nn::LinearOptions(in_features, out_features).bias(bias));
  torch::jit::Module module = module_named("Linear");
  module.register_parameter("weight", initial->weight, /*is_buffer=*/false);
  if (bias) module.register_parameter("bias", initial->bias, /*is_buffer=*/false);
  define_forward(module, bias ? "  return torch.linear(input, self.weight, self.bias)\n"
                              : "  return torch.linear(input, self.weight, None)\n");
  return module;
}

torch::jit::Module relu() {
  torch::jit::Module module = module_named("ReLU");
  define_forward(module, "  return torch.relu(input)\n");
  return module;
}

torch::jit::Module dropout(double p) {
  torch::jit::Module module = module_named("Dropout");
  module.register_attribute("p", c10::FloatType::get(), p);
  define_forward(module, "  return torch.dropout(input, self.p, self.training)\n");
  return module;
}

torch::jit::Module flatten(int64_t start_dim, int64_t end_dim) {
  torch::jit::Module module = module_named("Flatten");
  module.register_attribute("start_dim", c10::IntType::get(), start_dim);
  module.register_attribute("end_dim", c10::IntType::get(), end_dim);
  define_forward(module, "  return torch.flatten(input, self.start_dim, self.end_dim)\n");
  return module;
}

torch::jit::Module sequential(const std::vector<torch::jit::Module>& children) {
  torch::jit::Module module = module_named("Sequential");
  std::string body;
  for (size_t i = 0; i < children.size(); ++i) {
    const std::string name = std::to_string(i);
    module.register_module(name, children[i]);
    body += "  input = getattr(self, \"" + name + "\").forward(input)\n";
  }
  define_forward(module, body + "  return input\n");
  return module;
}

torch::jit::Module simple_mlp(int64_t num_classes, int64_t input_size, int64_t hidden_size, int64_t hidden_layers,
                              double drop_rate) {
  std::vector<torch::jit::Module> layers{linear(input_size, hidden_size, /*bias=*/true), relu(), dropout(drop_rate)};
  for (int64_t i = 1; i < hidden_layers; ++i) {
    layers.push_back(sequential({linear(hidden_size, hidden_size, /*bias=*/true), relu(), dropout(drop_rate)}));
  }
  torch::jit::Module module = module_named("SimpleMLP");
  module.register_attribute("input_size", c10::IntType::get(), input_size);
  module.register_module("features", sequential(layers));
  module.register_module("classifier", linear(hidden_size, num_classes, /*bias=*/true));
  define_forward(module,
                 "  flat = input.contiguous().view(input.size(0), self.input_size)\n"
                 "  return self.classifier.forward(self.features.forward(flat))\n");
  return module;
}

}  // namespace continual::modules
