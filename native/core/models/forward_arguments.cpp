#include "core/models/forward_arguments.h"

#include <algorithm>

#include "core/error.h"
#include "core/models/script_module.h"

namespace continual {
namespace {

constexpr const char* kTaskLabels = "task_labels";

bool takes_tensor(const c10::Argument& argument) { return c10::TensorType::get()->isSubtypeOf(*argument.type()); }

std::string quoted(const std::string& name) { return '"' + name + '"'; }

std::string joined(const std::vector<std::string>& items) {
  std::string result;
  for (const std::string& item : items) result += (result.empty() ? "" : ", ") + item;
  return result;
}

/// The arguments that inputs go to in their order: all but task labels.
std::vector<size_t> places_of(const c10::FunctionSchema& schema) {
  const std::optional<size_t> labels = task_labels_argument(schema);
  std::vector<size_t> places;
  for (size_t i = 1; i < schema.arguments().size(); ++i) {
    if (i != labels) places.push_back(i);
  }
  return places;
}

/// All inputs as one value of this type; nothing where it is another.
std::optional<c10::IValue> as_one_value(const Inputs& inputs, const c10::TypePtr& type) {
  const auto is_tensor = [](const c10::TypePtr& item) { return item->kind() == c10::TypeKind::TensorType; };
  if (inputs.form == Inputs::Form::kInOrder) {
    if (const auto list = type->cast<c10::ListType>(); list && is_tensor(list->getElementType())) {
      return c10::List<at::Tensor>(inputs.tensors);
    }
    const auto tuple = type->cast<c10::TupleType>();
    if (tuple && !tuple->schema() && tuple->elements().size() == inputs.tensors.size() &&
        std::all_of(tuple->elements().begin(), tuple->elements().end(), is_tensor)) {
      return c10::ivalue::Tuple::create(std::vector<c10::IValue>(inputs.tensors.begin(), inputs.tensors.end()));
    }
  }
  if (inputs.form == Inputs::Form::kByName) {
    const auto dict = type->cast<c10::DictType>();
    if (!dict || dict->getKeyType()->kind() != c10::TypeKind::StringType || !is_tensor(dict->getValueType())) return {};
    c10::Dict<std::string, at::Tensor> result;
    for (size_t i = 0; i < inputs.tensors.size(); ++i) result.insert((*inputs.names)[i], inputs.tensors[i]);
    return result;
  }
  return {};
}

[[noreturn]] void refuse(const c10::FunctionSchema& schema, const std::string& what) {
  throw Error("ERR_INPUTS", "forward: " + what + "; the method is\n  " + signature(schema));
}

/// Names the first input that nothing fills, and what mini-batches would have to be.
[[noreturn]] void refuse_unfilled(const c10::FunctionSchema& schema, const std::vector<c10::IValue>& values,
                                  const std::vector<bool>& is_filled, size_t unfilled, const Inputs& inputs) {
  const c10::Argument& argument = schema.arguments()[unfilled];
  const std::string what = "nothing fills the input " + quoted(argument.name());
  if (!takes_tensor(argument)) {
    refuse(schema, what + ": mini-batches hold tensors, and this is " + argument.type()->repr_str() +
                       ": give it a default, or override the strategy's forward");
  }
  std::vector<std::string> wanted;
  const std::optional<size_t> labels = task_labels_argument(schema);
  for (size_t i = 1; i < values.size(); ++i) {
    const c10::Argument& each = schema.arguments()[i];
    if (i == labels || (!is_filled[i] && each.default_value())) continue;
    wanted.push_back(each.name());
  }
  const std::string names = joined(wanted);
  refuse(schema, what + ": expected mini-batches whose x is [" + names + "] or { " + names + " }, got " +
                     describe(inputs) + "; task labels go to an input that is called " + kTaskLabels);
}

}  // namespace

std::optional<size_t> task_labels_argument(const c10::FunctionSchema& schema) {
  const auto& arguments = schema.arguments();
  for (size_t i = 1; i < arguments.size(); ++i) {
    if (arguments[i].name() == kTaskLabels && takes_tensor(arguments[i])) return i;
  }
  return std::nullopt;
}

std::vector<std::string> input_names(const c10::FunctionSchema& schema) {
  std::vector<std::string> names;
  for (size_t i = 1; i < schema.arguments().size(); ++i) {
    if (takes_tensor(schema.arguments()[i])) names.push_back(schema.arguments()[i].name());
  }
  return names;
}

torch::jit::Stack forward_arguments(const c10::FunctionSchema& schema, const Inputs& inputs,
                                    const at::Tensor& task_labels) {
  const auto& arguments = schema.arguments();
  const std::optional<size_t> labels = task_labels_argument(schema);
  if (inputs.form == Inputs::Form::kOne && arguments.size() == 2 && !labels && takes_tensor(arguments[1])) {
    return {inputs.tensors.front()};
  }
  std::vector<c10::IValue> values(arguments.size());
  std::vector<bool> is_filled(arguments.size(), false);
  const auto fill = [&](size_t place, c10::IValue value) {
    values[place] = std::move(value);
    is_filled[place] = true;
  };
  const auto fill_with_tensor = [&](size_t place, const at::Tensor& tensor) {
    const c10::Argument& argument = arguments[place];
    if (!takes_tensor(argument)) {
      refuse(schema, "expected a tensor for the input " + quoted(argument.name()) + ", which is " +
                         argument.type()->repr_str() + ", got " + describe(tensor) + " of a mini-batch");
    }
    fill(place, tensor);
  };

  const std::vector<size_t> places = places_of(schema);
  std::optional<c10::IValue> one_value;
  if (!places.empty()) one_value = as_one_value(inputs, arguments[places[0]].type());
  if (one_value) {
    fill(places[0], std::move(*one_value));
  } else if (inputs.form == Inputs::Form::kByName) {
    for (size_t i = 0; i < inputs.tensors.size(); ++i) {
      const std::string& name = (*inputs.names)[i];
      const auto found = std::find_if(arguments.begin() + 1, arguments.end(),
                                      [&](const c10::Argument& argument) { return argument.name() == name; });
      if (found == arguments.end()) {
        refuse(schema, "expected inputs among " + joined(input_names(schema)) + ", got " + quoted(name));
      }
      fill_with_tensor(found - arguments.begin(), inputs.tensors[i]);
    }
  } else {
    if (inputs.tensors.size() > places.size()) {
      refuse(schema, "expected at most " + std::to_string(places.size()) + " inputs" +
                         (labels ? " beside the task labels" : "") + ", got " + std::to_string(inputs.tensors.size()) +
                         ": " + describe(inputs));
    }
    for (size_t i = 0; i < inputs.tensors.size(); ++i) fill_with_tensor(places[i], inputs.tensors[i]);
  }
  if (labels && !is_filled[*labels] && task_labels.defined()) fill(*labels, task_labels);
  for (size_t i = 1; i < values.size(); ++i) {
    if (is_filled[i]) continue;
    if (const auto& otherwise = arguments[i].default_value()) {
      values[i] = *otherwise;
    } else if (i == labels) {
      throw Error("ERR_NO_TASK_LABELS",
                  "forward: expected task labels, one for each sample, for this model; got none; the method is\n  " +
                      signature(schema));
    } else {
      refuse_unfilled(schema, values, is_filled, i, inputs);
    }
  }
  values.erase(values.begin());  // self
  return values;
}

}  // namespace continual
