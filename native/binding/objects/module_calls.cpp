// What a model computes.
#include "binding/environment.h"
#include "binding/objects/module.h"
#include "binding/objects/tensor.h"
#include "binding/util/arguments.h"
#include "binding/util/errors.h"
#include "binding/util/inputs.h"
#include "binding/util/script_values.h"
#include "core/compute/work_size.h"
#include "core/models/forward_arguments.h"

namespace continual::binding {
namespace {

bool takes_tensor(const c10::Argument& argument) { return argument.type()->kind() == c10::TypeKind::TensorType; }

Napi::Value call_model(Napi::Env env, Model& model, const torch::jit::Method& method, std::vector<c10::IValue> inputs) {
  c10::IValue output;
  Environment::of(env).run(is_large_forward(inputs), [&] { output = model.call(method, std::move(inputs)); });
  return from_script_value(env, output);
}

}  // namespace

/// To be called here: what is in train mode may change what is being read.
Model& ModuleHandle::runnable(const char* operation) const {
  Model& model = value_->readable(operation);
  if (value_->readers() > 0 && model.is_training()) throw being_read(operation);
  return model;
}

/// forward(...inputs: Value[]) -> Value: synchronous, on the calling thread. Behind one tensor a second one may be task
/// labels: a model of one input leaves them aside.
Napi::Value ModuleHandle::forward(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    Model& model = runnable("forward");
    if (info.Length() == 1 && TensorHandle::is(info[0])) {
      // Straight through: a model in TypeScript calls every layer like this.
      if (SingleOperator* single = model.single_operator()) {
        const at::Tensor& input = TensorHandle::tensor(info[0]);
        c10::IValue output;
        Environment::of(info.Env()).run(single->is_large(input), [&] { output = (*single)(input); });
        return from_script_value(info.Env(), output);
      }
    }
    const torch::jit::Method method = model.method("forward");
    const c10::FunctionSchema& schema = method.function().getSchema();
    const auto is_tensor = [&](size_t i) { return TensorHandle::is(info[i]); };
    if (info.Length() == 1 && schema.arguments().size() == 2 && is_tensor(0) && takes_tensor(schema.arguments()[1])) {
      return call_model(info.Env(), model, method, {TensorHandle::tensor(info[0])});
    }
    if (info.Length() == 1 && is_tensor(0) && task_labels_argument(schema)) {
      // Says that labels are missing.
      return call_model(info.Env(), model, method, forward_arguments(schema, TensorHandle::tensor(info[0]), {}));
    }
    std::vector<Napi::Value> values;
    for (size_t i = 0; i < info.Length(); ++i) values.push_back(info[i]);
    if (values.size() == 2 && schema.arguments().size() == 2 && is_tensor(0) && is_tensor(1)) values.pop_back();
    return call_model(info.Env(), model, method, to_script_arguments("forward", schema, values));
  });
}

/// forwardBatch(x: Inputs, taskId: Tensor) -> Value: as a strategy calls the model, see `forward_arguments`.
Napi::Value ModuleHandle::forward_batch(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    Model& model = runnable("forward");
    const torch::jit::Method method = model.method("forward");
    return call_model(
        info.Env(), model, method,
        forward_arguments(method.function().getSchema(), inputs_argument(info[0]), TensorHandle::tensor(info[1])));
  });
}

/// checkInputs(x: Inputs) -> void: throws where forward does not take such inputs, with the task labels of a
/// mini-batch.
Napi::Value ModuleHandle::check_inputs(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const Inputs inputs = inputs_argument(info[0]);
    const torch::jit::Method method = value_->object->method("forward");
    forward_arguments(method.function().getSchema(), inputs, /*task_labels=*/inputs.tensors.front());
    return info.Env().Undefined();
  });
}

/// inputNames() -> string[]: the inputs of forward that mini-batches may fill; none where there is no forward.
Napi::Value ModuleHandle::input_names(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Napi::Array names = Napi::Array::New(info.Env());
    const auto method = value_->object->module().find_method("forward");
    if (!method) return names;
    for (const std::string& name : continual::input_names(method->function().getSchema())) {
      names.Set(names.Length(), Napi::String::New(info.Env(), name));
    }
    return names;
  });
}

/// call(method: string, inputs: Value[]) -> Value: as `forward`.
Napi::Value ModuleHandle::call(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    Model& model = runnable("call");
    const std::string name = string_argument(info[0], "method");
    const torch::jit::Method method = model.method(name);
    const auto inputs = array_argument(info[1], "inputs", [](const Napi::Value& value) { return value; });
    return call_model(info.Env(), model, method, to_script_arguments(name, method.function().getSchema(), inputs));
  });
}

/// methodNames() -> string[]
Napi::Value ModuleHandle::method_names(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Napi::Array names = Napi::Array::New(info.Env());
    for (const std::string& name : value_->object->method_names()) {
      names.Set(names.Length(), Napi::String::New(info.Env(), name));
    }
    return names;
  });
}

/// classes() -> [path: string, className: string][]: of every module of the tree
Napi::Value ModuleHandle::classes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Napi::Array classes = Napi::Array::New(info.Env());
    for (const auto& [path, name] : value_->object->classes()) {
      Napi::Array entry = Napi::Array::New(info.Env(), 2);
      entry.Set(0u, Napi::String::New(info.Env(), path));
      entry.Set(1u, Napi::String::New(info.Env(), name));
      classes.Set(classes.Length(), entry);
    }
    return classes;
  });
}

/// takesTaskLabels() -> boolean
Napi::Value ModuleHandle::takes_task_labels(const Napi::CallbackInfo& info) {
  return guarded(info.Env(),
                 [&]() -> Napi::Value { return Napi::Boolean::New(info.Env(), value_->object->takes_task_labels()); });
}

/// forwardSingleTask(input: Tensor, task: number) -> Tensor
Napi::Value ModuleHandle::forward_single_task(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    return TensorHandle::wrap(info.Env(), runnable("forward").forward_single_task(TensorHandle::tensor(info[0]),
                                                                                  integer_argument(info[1], "task")));
  });
}

/// forwardAllTasks(input: Tensor) -> [task: number, output: Tensor][]
Napi::Value ModuleHandle::forward_all_tasks(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    Napi::Array result = Napi::Array::New(env);
    for (const auto& [task, output] : runnable("forward").forward_all_tasks(TensorHandle::tensor(info[0]))) {
      Napi::Array entry = Napi::Array::New(env, 2);
      entry.Set(0u, Napi::Number::New(env, static_cast<double>(task)));
      entry.Set(1u, TensorHandle::wrap(env, output));
      result.Set(result.Length(), entry);
    }
    return result;
  });
}

}  // namespace continual::binding
