#include "core/models/model.h"

#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/csrc/jit/serialization/python_print.h>

#include <unordered_map>
#include <unordered_set>

#include "core/error.h"
#include "core/models/forward_arguments.h"
#include "core/models/model_output.h"
#include "core/models/script_module.h"
#include "core/models/tracing.h"

namespace continual {
namespace {

template <typename List>
std::vector<std::pair<std::string, at::Tensor>> each_tensor_once(const List& list) {
  std::vector<std::pair<std::string, at::Tensor>> result;
  std::unordered_set<at::TensorImpl*> seen;
  for (const auto& item : list) {
    if (item.value.defined() && seen.insert(item.value.unsafeGetTensorImpl()).second) {
      result.emplace_back(item.name, item.value);
    }
  }
  return result;
}

void set_training_of(const torch::jit::Module& module, bool on) {
  const c10::intrusive_ptr<c10::ivalue::Object> object = module._ivalue();
  if (const auto slot = object->type()->findAttributeSlot("training")) object->setSlot(*slot, on);
}

[[noreturn]] void throw_unreadable(const ModelFile& file, const std::string& reason) {
  if (reason.find("required keyword attribute 'value' is undefined") == std::string::npos) throw_damaged(file, reason);
  throw Error(
      "ERR_MODEL_FILE_FORMAT",
      "jit.load: expected a TorchScript file that PyTorch itself reads, " + file.name +
          " holds a model of torch.jit.optimize_for_inference, whose convolutions cannot be saved: save what it "
          "was made of, torch.jit.script(model).save(\"model.pt\")");
}

}  // namespace

Model::Model(torch::jit::Module module) : module_(std::move(module)), single_operator_(SingleOperator::of(module_)) {}

Model::Model(torch::jit::Module module, const Model& like) : Model(std::move(module)) {
  inlined_forward_ = like.inlined_forward_;
  shares_class_ = true;
}

void Model::recompose(const std::vector<std::string>& removed, const ScriptParts& parts,
                      const std::optional<std::string>& source) {
  if (!source) {
    if (shares_class_) {
      module_ = module_.clone(/*inplace=*/true);  // a class of its own over the same values
      shares_class_ = false;
      single_operator_ = SingleOperator::of(module_);
      inlined_forward_.reset();
    }
    return replace_parts(module_, removed, parts);
  }
  module_ = continual::recompose(module_, removed, parts, *source);
  single_operator_ = SingleOperator::of(module_);
  inlined_forward_.reset();
}

Model Model::load(const ModelFile& file, const at::Device& device) {
  try {
    check_script_archive(file);
    return Model(torch::jit::load(file.bytes, device));
  } catch (const Error&) {
    throw;
  } catch (const c10::Error& error) {
    if (is_out_of_memory(error)) throw;
    throw_unreadable(file, error.what_without_backtrace());
  } catch (const std::exception& error) {
    throw_unreadable(file, error.what());
  }
}

ModelCopy Model::copy() const { return ModelCopy(module_); }

std::string Model::code() {
  std::vector<c10::IValue> constants;
  torch::jit::PrintDepsTable types;
  torch::jit::PythonPrint printer(constants, types);
  printer.printMethod(method("forward").function());
  return printer.str();
}

std::string Model::graph() { return method("forward").graph()->toString(/*print_source_locations=*/false); }

std::vector<std::pair<std::string, at::Tensor>> Model::named_parameters() const {
  return each_tensor_once(module_.named_parameters(/*recurse=*/true));
}

std::vector<std::pair<std::string, at::Tensor>> Model::named_buffers() const {
  return each_tensor_once(module_.named_buffers(/*recurse=*/true));
}

bool Model::takes_task_labels() const {
  const auto forward = module_.find_method("forward");
  return forward && task_labels_argument(forward->function().getSchema());
}

SingleOperator* Model::single_operator() {
  return single_operator_ && !torch::jit::tracer::isTracing() ? &*single_operator_ : nullptr;
}

std::vector<std::string> Model::method_names() const {
  std::vector<std::string> names;
  for (const torch::jit::Function* method : module_.type()->methods()) names.push_back(method->name());
  return names;
}

torch::jit::Method Model::method(const std::string& name) {
  if (const auto found = module_.find_method(name)) return *found;
  std::string names;
  for (const std::string& known : method_names()) names += (names.empty() ? "" : ", ") + known;
  throw Error("ERR_INVALID_ARG_VALUE", "call: expected a method of the model (" +
                                           (names.empty() ? "it has none" : names) + "), got \"" + name + "\"");
}

c10::IValue Model::call(const torch::jit::Method& method, torch::jit::Stack inputs) {
  const torch::jit::GraphOptimizerEnabledGuard as_in_eager_mode(false);
  if (torch::jit::tracer::isTracing()) return call_traced(module_, method, std::move(inputs));
  return method(std::move(inputs));
}

c10::IValue Model::run_forward(const torch::jit::Method& forward, torch::jit::Stack inputs) {
  if (torch::jit::tracer::isTracing()) return call(forward, std::move(inputs));
  return (*inlined(forward))(forward, std::move(inputs));
}

const std::shared_ptr<const InlinedForward>& Model::inlined(const torch::jit::Method& forward) {
  if (!inlined_forward_ || !inlined_forward_->is_of(forward)) {
    inlined_forward_ = std::make_shared<const InlinedForward>(forward);
  }
  return inlined_forward_;
}

at::Tensor Model::forward_single_task(const at::Tensor& input, int64_t task) {
  return call(method("forward_single_task"), {input, task}).toTensor();
}

std::vector<std::pair<int64_t, at::Tensor>> Model::forward_all_tasks(const at::Tensor& input) {
  std::vector<std::pair<int64_t, at::Tensor>> result;
  const c10::IValue outputs = call(method("forward_all_tasks"), {input});
  for (const auto& output : outputs.toGenericDict()) {
    result.emplace_back(output.key().toInt(), output.value().toTensor());
  }
  return result;
}

at::Tensor Model::forward(const Inputs& inputs, const at::Tensor& task_labels) {
  const torch::jit::Method forward = method("forward");
  const c10::IValue output =
      run_forward(forward, forward_arguments(forward.function().getSchema(), inputs, task_labels));
  if (!output.isTensor()) throw_model_output(output);
  return output.toTensor();
}

std::vector<Model::StateEntry> Model::state(bool recurse) const {
  std::vector<StateEntry> entries;
  const std::function<void(const torch::jit::Module&, const std::string&)> collect =
      [&](const torch::jit::Module& module, const std::string& prefix) {
        for (const auto& item : module.named_parameters(/*recurse=*/false)) {
          entries.push_back({prefix + item.name, item.value, /*is_buffer=*/false});
        }
        for (const auto& item : module.named_buffers(/*recurse=*/false)) {
          if (item.value.defined()) entries.push_back({prefix + item.name, item.value, /*is_buffer=*/true});
        }
        if (!recurse) return;
        for (const auto& child : module.named_children()) collect(child.value, prefix + child.name + ".");
      };
  collect(module_, "");
  return entries;
}

std::vector<std::pair<std::string, std::string>> Model::classes() const {
  std::vector<std::pair<std::string, std::string>> classes;
  for (const auto& item : module_.named_modules()) {
    const std::string name = item.value.type()->name()->name();
    classes.emplace_back(item.name, name);
  }
  return classes;
}

void Model::set_training(bool on) { set_training_of(module_, on); }

void Model::to(std::optional<at::Device> device, std::optional<at::ScalarType> dtype) {
  const at::NoGradGuard no_grad;
  const auto moved = [&](const at::Tensor& tensor) {
    const auto kind = dtype && at::isFloatingType(tensor.scalar_type()) ? *dtype : tensor.scalar_type();
    return tensor.to(device.value_or(tensor.device()), kind);
  };
  const auto move = [&](at::Tensor tensor) {
    const at::Tensor data = moved(tensor.detach());
    if (data.device() == tensor.device() && data.scalar_type() == tensor.scalar_type()) return;
    at::Tensor grad = tensor.is_leaf() ? tensor.grad() : at::Tensor();
    if (grad.defined()) {
      tensor.mutable_grad().reset();
      grad = moved(grad.detach());
    }
    tensor.set_data(data);
    if (grad.defined()) tensor.mutable_grad() = grad;
  };
  for (const auto& [name, parameter] : named_parameters()) move(parameter);
  for (const auto& [name, buffer] : named_buffers()) move(buffer);
}

std::unordered_map<std::string, bool> Model::modes() const {
  std::unordered_map<std::string, bool> result;
  for (const auto& module : module_.named_modules()) result[module.name] = module.value.is_training();
  return result;
}

void Model::set_modes(const std::unordered_map<std::string, bool>& modes) {
  for (const auto& module : module_.named_modules()) {
    const auto mode = modes.find(module.name);
    set_training_of(module.value, mode == modes.end() || mode->second);
  }
}

}  // namespace continual
