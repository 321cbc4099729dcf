#include "core/modules.h"

#include "core/error.h"
#include "core/script_module.h"

namespace continual::modules {
namespace {

void define_forward(torch::jit::Module& module, const std::string& body) {
  module.define("def forward(self, input: Tensor) -> Tensor:\n" + body);
}

std::string source_of(Size2d size) { return c10::str("[", size[0], ", ", size[1], "]"); }

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

torch::jit::Module conv2d(int64_t in_channels, int64_t out_channels, Size2d kernel, Size2d stride, Size2d padding,
                          Size2d dilation, int64_t groups, bool bias) {
  torch::nn::Conv2d initial(torch::nn::Conv2dOptions(in_channels, out_channels, at::IntArrayRef(kernel))
                                .stride(at::IntArrayRef(stride))
                                .padding(at::IntArrayRef(padding))
                                .dilation(at::IntArrayRef(dilation))
                                .groups(groups)
                                .bias(bias));
  torch::jit::Module module = script_module("Conv2d");
  module.register_parameter("weight", initial->weight, /*is_buffer=*/false);
  if (bias) module.register_parameter("bias", initial->bias, /*is_buffer=*/false);
  define_forward(module, "  return torch.conv2d(input, self.weight, " + std::string(bias ? "self.bias" : "None") +
                             ", " + source_of(stride) + ", " + source_of(padding) + ", " + source_of(dilation) + ", " +
                             std::to_string(groups) + ")\n");
  return module;
}

torch::jit::Module batch_norm2d(int64_t num_features, double eps, double momentum) {
  torch::nn::BatchNorm2d initial(torch::nn::BatchNorm2dOptions(num_features).eps(eps).momentum(momentum));
  torch::jit::Module module = script_module("BatchNorm2d");
  module.register_attribute("eps", c10::FloatType::get(), eps);
  module.register_attribute("momentum", c10::FloatType::get(), momentum);
  module.register_parameter("weight", initial->weight, /*is_buffer=*/false);
  module.register_parameter("bias", initial->bias, /*is_buffer=*/false);
  module.register_buffer("running_mean", initial->running_mean);
  module.register_buffer("running_var", initial->running_var);
  module.register_buffer("num_batches_tracked", initial->num_batches_tracked);
  define_forward(module, R"(
  assert input.dim() == 4, "BatchNorm2d: expected an input [B, C, H, W], got {} dimensions".format(input.dim())
  if self.training:
    values = input.size(0) * input.size(2) * input.size(3)
    assert values != 1, "BatchNorm2d: expected more than 1 value for each channel in train mode"
    self.num_batches_tracked.add_(1)
  return torch.batch_norm(input, self.weight, self.bias, self.running_mean, self.running_var, self.training,
                          self.momentum, self.eps, True)
)");
  return module;
}

torch::jit::Module max_pool2d(Size2d kernel, Size2d stride, Size2d padding) {
  torch::jit::Module module = script_module("MaxPool2d");
  define_forward(module, "  return torch.max_pool2d(input, " + source_of(kernel) + ", " + source_of(stride) + ", " +
                             source_of(padding) + ")\n");
  return module;
}

torch::jit::Module avg_pool2d(Size2d kernel, Size2d stride, Size2d padding) {
  torch::jit::Module module = script_module("AvgPool2d");
  define_forward(module, "  return torch.avg_pool2d(input, " + source_of(kernel) + ", " + source_of(stride) + ", " +
                             source_of(padding) + ")\n");
  return module;
}

torch::jit::Module adaptive_max_pool2d(Size2d output) {
  torch::jit::Module module = script_module("AdaptiveMaxPool2d");
  define_forward(module,
                 "  output, indices = torch.adaptive_max_pool2d(input, " + source_of(output) + ")\n  return output\n");
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
  return compose("Sequential", {.children = named}, source + "  return input\n");
}

}  // namespace continual::modules
