#include "binding/util/inputs.h"

#include "binding/objects/tensor.h"
#include "binding/util/arguments.h"

namespace continual::binding {
namespace {

void take_tensors(const Napi::Value& value, Inputs& into) {
  for (const at::Tensor& tensor :
       array_argument(value, "inputs", [](const Napi::Value& item) { return TensorHandle::tensor(item); })) {
    into.tensors.push_back(tensor);
  }
  if (into.tensors.empty()) wrong_argument("at least one input");
}

}  // namespace

Inputs inputs_argument(const Napi::Value& value) {
  if (const at::Tensor* tensor = TensorHandle::find(value)) return *tensor;
  Inputs result;
  if (value.IsArray()) {
    result.form = Inputs::Form::kInOrder;
    take_tensors(value, result);
    return result;
  }
  if (!value.IsObject()) wrong_argument("a tensor, or several");
  result.form = Inputs::Form::kByName;
  const auto object = value.As<Napi::Object>();
  result.names = std::make_shared<const std::vector<std::string>>(array_argument(
      object.Get("names"), "names", [](const Napi::Value& name) { return string_argument(name, "a name"); }));
  take_tensors(object.Get("tensors"), result);
  if (result.names->size() != result.tensors.size()) wrong_argument("a name for each input");
  return result;
}

Napi::Value to_javascript(Napi::Env env, const Inputs& inputs) {
  if (!inputs.defined()) return env.Null();
  if (inputs.form == Inputs::Form::kOne) return TensorHandle::wrap(env, inputs.tensors.front());
  Napi::Array tensors = Napi::Array::New(env, inputs.tensors.size());
  for (uint32_t i = 0; i < inputs.tensors.size(); ++i) tensors.Set(i, TensorHandle::wrap(env, inputs.tensors[i]));
  if (!inputs.names) return tensors;
  Napi::Array names = Napi::Array::New(env, inputs.names->size());
  for (uint32_t i = 0; i < inputs.names->size(); ++i) names.Set(i, (*inputs.names)[i]);
  Napi::Object object = Napi::Object::New(env);
  object.Set("names", names);
  object.Set("tensors", tensors);
  return object;
}

}  // namespace continual::binding
