#include "core/dynamic_modules.h"

#include <algorithm>

#include "core/error.h"
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

at::Tensor no_units(const at::Tensor& weight) {
  return at::zeros({weight.size(0)}, at::TensorOptions(weight.device()).dtype(at::kChar));
}

void activate(at::Tensor units, const std::vector<int64_t>& classes) {
  units.index_fill_(0, at::tensor(classes, at::kLong).to(units.device()), 1);
}

const char* const kMultiHead = "MultiHeadClassifier";

bool is_multi_head(const torch::jit::Module& module) {
  return module.type()->name()->name() == kMultiHead && module.hasattr("classifiers") && module.hasattr("fill_value");
}

std::string units_name(const std::string& task) { return "active_units_T" + task; }

/// TorchScript picks no child by a name known at run time, so the choice is written out over the heads.
std::string multi_head_methods(const torch::jit::Module& heads) {
  std::string source = R"(
def forward_single_task(self, input: Tensor, task_label: int) -> Tensor:
  output = input
  active = self.active_units_T0
  found = False
)";
  for (const auto& head : heads.named_children()) {
    source += "  if task_label == " + head.name + ":\n    output = getattr(self.classifiers, \"" + head.name +
              "\").forward(input)\n    active = self." + units_name(head.name) + "\n    found = True\n";
  }
  return source + R"(
  assert found, "MultiHeadClassifier: expected a task that has a head, got {}".format(task_label)
  if self.masking:
    lacking = output.size(-1) - active.size(0)
    if lacking > 0:
      active = torch.constant_pad_nd(active, [0, lacking])
    output = output.masked_fill(torch.logical_not(active), self.mask_value)
  return output

def forward(self, input: Tensor, task_labels: Tensor) -> Tensor:
  output = torch.full([input.size(0), self.max_class_label], self.fill_value, dtype=input.dtype, device=input.device)
  unique, inverse, counts = torch._unique2(task_labels.to(dtype=4))  # int64
  tasks : List[int] = unique.tolist()
  for task in tasks:
    chosen = task_labels == task
    part = self.forward_single_task(input[chosen], task)
    assert part.dim() == 2, "MultiHeadClassifier: expected an input [B, features]"
    output[chosen, :part.size(1)] = part
  return output

def forward_all_tasks(self, input: Tensor) -> Dict[int, Tensor]:
  outputs : Dict[int, Tensor] = {}
  for task in self.known_train_tasks_labels:
    outputs[task] = self.forward_single_task(input, task)
  return outputs
)";
}

/// Returns whether `module` calls a multi-head classifier.
bool recompile_calls(torch::jit::Module module) {
  bool calls = false;
  for (const torch::jit::Module& child : module.children()) calls |= is_multi_head(child) || recompile_calls(child);
  if (calls) recompile(module);
  return calls;
}

}  // namespace

torch::jit::Module incremental_classifier(const torch::jit::Module& classifier, bool masking, double mask_value) {
  torch::jit::Module module = script_module("IncrementalClassifier");
  module.register_attribute("masking", c10::BoolType::get(), masking);
  module.register_attribute("mask_value", c10::FloatType::get(), mask_value);
  module.register_module("classifier", classifier);
  module.register_buffer("active_units", no_units(classifier.attr("weight").toTensor()));
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

torch::jit::Module multi_head_classifier(const torch::jit::Module& first_head, bool masking, double mask_value,
                                         double fill_value) {
  torch::jit::Module module = script_module(kMultiHead);
  const at::Tensor weight = first_head.attr("classifier").toModule().attr("weight").toTensor();
  module.register_attribute("masking", c10::BoolType::get(), masking);
  module.register_attribute("mask_value", c10::FloatType::get(), mask_value);
  module.register_attribute("fill_value", c10::FloatType::get(), fill_value);
  module.register_attribute("max_class_label", c10::IntType::get(), weight.size(0));
  module.register_attribute("known_train_tasks_labels", c10::ListType::ofInts(), c10::List<int64_t>());
  module.register_module("classifiers", script_module("ModuleDict"));
  add_head(module, 0, first_head);
  return module;
}

void add_head(torch::jit::Module& module, int64_t task, const torch::jit::Module& head) {
  const std::string name = std::to_string(task);
  torch::jit::Module heads = module.attr("classifiers").toModule();
  if (heads.hasattr(name)) {
    throw Error("ERR_MODEL_ADAPTATION", "MultiHeadClassifier: expected a task without a head, got " + name);
  }
  heads.register_module(name, head);
  module.register_buffer(units_name(name), no_units(head.attr("classifier").toModule().attr("weight").toTensor()));
  redefine(module, multi_head_methods(heads));
}

void activate_units(torch::jit::Module& module, int64_t task, const std::vector<int64_t>& classes) {
  const at::NoGradGuard no_grad;
  check_classes(classes);
  if (!module.attr("masking").toBool()) return;
  const std::string name = std::to_string(task);
  const torch::jit::Module head = module.attr("classifiers").toModule().attr(name).toModule();
  const int64_t of_head = head.attr("classifier").toModule().attr("weight").toTensor().size(0);
  const at::Tensor active = grow_units(module, units_name(name), std::max(of_head, units_for(classes)));
  if (module.is_training()) activate(active, classes);
}

void set_known(torch::jit::Module& module, int64_t max_class_label, const std::vector<int64_t>& train_tasks) {
  module.setattr("max_class_label", max_class_label);
  module.setattr("known_train_tasks_labels", c10::List<int64_t>(train_tasks));
}

MultiHeadCalls::MultiHeadCalls(torch::jit::Module root) : root_(std::move(root)) {
  for (const auto& module : root_.named_modules()) {
    if (!module.name.empty() && is_multi_head(module.value)) classifiers_.push_back(module.value);
  }
  heads_ = count_heads();
}

size_t MultiHeadCalls::count_heads() const {
  size_t count = 0;
  for (const auto& classifier : classifiers_)
    count += classifier.attr("classifiers").toModule().type()->numAttributes();
  return count;
}

void MultiHeadCalls::refresh() {
  const size_t heads = count_heads();
  if (heads == heads_) return;
  recompile_calls(root_);
  heads_ = heads;
}

}  // namespace continual
