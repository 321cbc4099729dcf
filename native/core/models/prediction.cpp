#include "core/models/prediction.h"

#include <algorithm>

#include "core/error.h"
#include "core/models/forward_arguments.h"
#include "core/models/object_copies.h"
#include "core/models/script_errors.h"

namespace continual {
namespace {

[[noreturn]] void throw_not_joined(const std::string& what) {
  throw Error("ERR_MODEL_OUTPUT",
              "predict: expected outputs that have a row for each sample, to be put together, got " + what +
                  "; with a batchSize of all samples the output comes as it is");
}

/// The same part of each.
template <typename Part>
c10::IValue joined_parts(const std::vector<c10::IValue>& outputs, const std::vector<int64_t>& sizes, const Part& part) {
  std::vector<c10::IValue> parts;
  for (const c10::IValue& output : outputs) parts.push_back(part(output));
  return joined(parts, sizes);
}

c10::IValue joined_tensors(const std::vector<c10::IValue>& outputs, const std::vector<int64_t>& sizes) {
  std::vector<at::Tensor> tensors;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const at::Tensor& tensor = outputs[i].toTensor();
    if (tensor.dim() == 0 || tensor.size(0) != sizes[i]) {
      throw_not_joined(describe(tensor) + " for " + std::to_string(sizes[i]) + " samples");
    }
    tensors.push_back(tensor);
  }
  return at::cat(tensors);
}

}  // namespace

c10::IValue joined(const std::vector<c10::IValue>& outputs, const std::vector<int64_t>& sizes) {
  const c10::IValue& first = outputs.front();
  if (outputs.size() == 1 || first.isNone()) return first;
  for (const c10::IValue& output : outputs) {
    if (output.tagKind() != first.tagKind()) throw_not_joined("a " + first.tagKind() + " and a " + output.tagKind());
  }
  if (first.isTensor()) return joined_tensors(outputs, sizes);
  if (first.isTuple()) {
    std::vector<c10::IValue> elements;
    for (size_t i = 0; i < first.toTupleRef().elements().size(); ++i) {
      elements.push_back(
          joined_parts(outputs, sizes, [i](const auto& tuple) { return tuple.toTupleRef().elements()[i]; }));
    }
    return c10::ivalue::Tuple::createNamed(std::move(elements), first.toTupleRef().type());
  }
  if (first.isList()) {
    const auto list = first.toList();
    c10::impl::GenericList result(list.elementType());
    for (const c10::IValue& output : outputs) {
      if (output.toList().size() != list.size()) throw_not_joined("lists of different lengths");
    }
    for (size_t i = 0; i < list.size(); ++i) {
      result.push_back(joined_parts(outputs, sizes, [i](const auto& items) { return items.toList().get(i); }));
    }
    return result;
  }
  if (first.isGenericDict()) {
    const auto dict = first.toGenericDict();
    c10::impl::GenericDict result(dict.keyType(), dict.valueType());
    for (const auto& entry : dict) {
      result.insert(entry.key(), joined_parts(outputs, sizes, [&](const c10::IValue& items) {
                      if (!items.toGenericDict().contains(entry.key())) throw_not_joined("dicts with different keys");
                      return items.toGenericDict().at(entry.key());
                    }));
    }
    return result;
  }
  const bool is_same = (first.isInt() || first.isBool() || first.isString()) &&
                       std::all_of(outputs.begin(), outputs.end(), [&](const auto& other) { return other == first; });
  if (is_same) return first;
  throw_not_joined("a " + first.tagKind());
}

Prediction::Prediction(Model& model) : forward_(model.inlined(model.method("forward"))) {
  // An alias: the model's own tensor may be given other memory.
  ObjectCopies copies([&](const at::Tensor& tensor) {
    if (!device_) device_ = tensor.device();
    return tensor.detach();
  });
  module_ = copies.of(model.module());
  for (const ObjectCopies::Object& object : copies.objects()) set_eval(object.copy);
}

c10::IValue Prediction::operator()(const Inputs& inputs, const at::Tensor& task_labels) const {
  const at::AutoGradMode no_grad(false);
  const torch::jit::GraphOptimizerEnabledGuard as_in_eager_mode(false);
  const auto moved = [&](const at::Tensor& tensor) {
    return tensor.defined() && device_ ? tensor.to(*device_) : tensor;
  };
  const torch::jit::Method forward = *module_.find_method("forward");
  torch::jit::Stack arguments =
      forward_arguments(forward.function().getSchema(), inputs.map(moved), moved(task_labels));
  try {
    return (*forward_)(forward, std::move(arguments));
  } catch (const c10::Error& error) {
    if (is_out_of_memory(error)) throw;
    throw Error("ERR_FORWARD", "predict: the model failed on inputs " + describe(inputs) + ": " +
                                   cause_first(error.what_without_backtrace()));
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw Error("ERR_FORWARD",
                "predict: the model failed on inputs " + describe(inputs) + ": " + cause_first(error.what()));
  }
}

}  // namespace continual
