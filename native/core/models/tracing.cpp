#include "core/models/tracing.h"

#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/passes/shape_analysis.h>

#include "core/error.h"
#include "core/models/script_module.h"
#include "core/overrides/default_generators.h"

namespace continual {
namespace {

namespace tracer = torch::jit::tracer;

/// The same attributes in a class of its own, which gets the recorded method.
torch::jit::Module without_methods(const torch::jit::Module& model) {
  torch::jit::Module result = script_module(model.type()->name()->name());
  const auto& type = *model.type();
  for (size_t i = 0; i < type.numAttributes(); ++i) {
    const std::string& name = type.getAttributeName(i);
    const c10::IValue value = model._ivalue()->getSlot(i);
    if (name == "training") {
      result.setattr(name, value);
    } else {
      result.register_attribute(name, type.getAttribute(i), value, type.is_parameter(i), type.is_buffer(i));
    }
  }
  return result;
}

/// What a forward changes beside its output. Puts it back to where it was.
class Surroundings {
 public:
  Surroundings(const torch::jit::Module& model, const torch::jit::Stack& inputs) {
    const at::NoGradGuard no_grad;
    for (const at::Tensor& buffer : model.buffers()) {
      if (buffer.defined()) buffers_.emplace_back(buffer, buffer.clone());
    }
    note_generator(at::kCPU);
    for (const at::Tensor& parameter : model.parameters()) note_generator(parameter.device());
    for (const c10::IValue& input : inputs) {
      if (input.isTensor()) note_generator(input.toTensor().device());
    }
  }

  ~Surroundings() {
    try {
      restore();
    } catch (const std::exception&) {  // What failed first is what counts.
    }
  }

  void restore() {
    const at::NoGradGuard no_grad;
    for (const auto& [buffer, before] : buffers_) buffer.copy_(before);
    for (auto& [device, state] : generators_) {
      at::Generator generator = default_generator(device);
      const std::lock_guard lock(generator.mutex());
      generator.set_state(state);
    }
  }

 private:
  void note_generator(const at::Device& device) {
    for (const auto& known : generators_) {
      if (known.first == device) return;
    }
    at::Generator generator = default_generator(device);
    const std::lock_guard lock(generator.mutex());
    generators_.emplace_back(device, generator.get_state());
  }

  std::vector<std::pair<at::Tensor, at::Tensor>> buffers_;
  std::vector<std::pair<at::Device, at::Tensor>> generators_;
};

void flatten(const c10::IValue& value, std::vector<at::Tensor>& into) {
  if (value.isTensor()) {
    into.push_back(value.toTensor().detach());
  } else {
    for (const c10::IValue& item : value.toTupleRef().elements()) flatten(item, into);
  }
}

/// Forward may change its inputs, and an output may be an input: each run gets its own.
c10::IValue copy_of(const c10::IValue& value) {
  if (value.isTensor()) {
    const at::Tensor& tensor = value.toTensor();
    return tensor.detach().clone().requires_grad_(tensor.requires_grad());
  }
  std::vector<c10::IValue> items;
  for (const c10::IValue& item : value.toTupleRef().elements()) items.push_back(copy_of(item));
  return c10::ivalue::Tuple::create(std::move(items));
}

torch::jit::Stack copies_of(const torch::jit::Stack& values) {
  torch::jit::Stack result;
  for (const c10::IValue& value : values) result.push_back(copy_of(value));
  return result;
}

/// As far apart as PyTorch's check allows.
constexpr double kTolerance = 1e-5;

void check_same(const c10::IValue& traced, const c10::IValue& expected) {
  std::vector<at::Tensor> actual;
  std::vector<at::Tensor> wanted;
  flatten(traced, actual);
  flatten(expected, wanted);
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (i < actual.size() && actual[i].sizes() == wanted[i].sizes() &&
        actual[i].scalar_type() == wanted[i].scalar_type() &&
        at::allclose(actual[i], wanted[i], kTolerance, kTolerance, /*equal_nan=*/true)) {
      continue;
    }
    throw Error("ERR_TRACE",
                "jit.trace: expected the recorded operators to give the model's output again for the example inputs, got "
                "another: forward depends on something else than inputs, parameters and buffers, or is different each time");
  }
}

/// Ends the pause where a layer throws, too.
class Paused {
 public:
  Paused() : resume_(tracer::pauseTracing()) {}
  ~Paused() { resume_(); }

 private:
  std::function<void()> resume_;
};

}  // namespace

torch::jit::Module trace(const torch::jit::Module& model, const torch::jit::Stack& inputs, bool takes_task_labels,
                         const Forward& forward) {
  // Checked here, because libtorch would end the trace that is under way.
  if (tracer::isTracing()) throw Error("ERR_TRACE", "jit.trace: expected no trace to be under way, got one");
  Surroundings surroundings(model, inputs);
  torch::jit::Module result = without_methods(model);
  std::vector<std::string> names;
  for (size_t i = 0; i < inputs.size(); ++i) names.push_back(inputs.size() == 1 ? "input" : c10::str("input", i));
  if (takes_task_labels && inputs.size() > 1) names.back() = "task_labels";
  const auto [state, outputs] = tracer::trace(
      copies_of(inputs),
      [&](const torch::jit::Stack& traced) {
        // The model's own TorchScript, where it has any, runs on the attributes of the copy.
        tracer::setValueTrace(model._ivalue(), tracer::getValueTrace(result._ivalue()));
        return torch::jit::Stack{forward(traced)};
      },
      [](const at::Tensor&) { return ""; }, /*strict=*/true, /*force_outplace=*/false, &result, names);
  torch::jit::EraseShapeInformation(state->graph);  // another batch may be of another size
  torch::jit::Function* function = result._ivalue()->compilation_unit()->create_function(
      c10::QualifiedName(*result.type()->name(), "forward"), state->graph);
  result.type()->addMethod(function);
  const c10::IValue expected = copy_of(outputs.at(0));
  surroundings.restore();
  const torch::jit::GraphOptimizerEnabledGuard as_in_eager_mode(false);
  check_same(result.get_method("forward")(copies_of(inputs)), expected);
  return result;
}

c10::IValue call_traced(const torch::jit::Module& module, const torch::jit::Method& method, torch::jit::Stack inputs) {
  torch::jit::Graph& graph = *tracer::getTracingState()->graph;
  std::vector<torch::jit::Value*> values{tracer::getValueTrace(module._ivalue())};
  for (const c10::IValue& input : inputs) values.push_back(tracer::getValueTrace(input));
  torch::jit::Value* output = nullptr;
  if (values[0]->type()->isSubtypeOf(*module.type())) {
    output = graph.insertNode(graph.create(torch::jit::prim::CallMethod, values))
                 ->s_(torch::jit::attr::name, method.name())
                 ->output()
                 ->setType(method.function().getSchema().returns().at(0).type());
  } else {
    const auto inlined = method.graph()->copy();
    torch::jit::Inline(*inlined);
    output = torch::jit::insertGraph(graph, *inlined, values).at(0);
  }
  c10::IValue result;
  {
    const Paused paused;
    result = method(std::move(inputs));
  }
  tracer::setValueTrace(result, output);
  return result;
}

}  // namespace continual
