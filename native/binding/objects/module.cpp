#include "binding/objects/module.h"

#include "binding/functions/device.h"
#include "binding/objects/module_creation.h"
#include "binding/objects/tensor.h"
#include "binding/util/dtypes.h"
#include "binding/util/inputs.h"
#include "binding/util/promise_worker.h"
#include "binding/util/script_values.h"
#include "core/models/forward_arguments.h"
#include "core/models/frozen_modes.h"
#include "core/models/tracing.h"
#include "core/models/untrainable.h"

namespace continual::binding {
namespace {

Napi::Value to_entries(Napi::Env env, const std::vector<std::pair<std::string, at::Tensor>>& named) {
  Napi::Array entries = Napi::Array::New(env, named.size());
  for (uint32_t i = 0; i < named.size(); ++i) {
    Napi::Array entry = Napi::Array::New(env, 2);
    entry.Set(0u, Napi::String::New(env, named[i].first));
    entry.Set(1u, TensorHandle::wrap(env, named[i].second));
    entries.Set(i, entry);
  }
  return entries;
}

bool takes_tensor(const c10::Argument& argument) { return argument.type()->kind() == c10::TypeKind::TensorType; }

/// A value of the type that the attribute has.
c10::IValue attribute_argument(const Napi::Value& value, const c10::TypePtr& type) {
  switch (type->kind()) {
    case c10::TypeKind::IntType: return integer_argument(value, "an attribute");
    case c10::TypeKind::FloatType: return number_argument(value, "an attribute");
    case c10::TypeKind::BoolType: return boolean_argument(value, "an attribute");
    case c10::TypeKind::ListType:
      if (*type->castRaw<c10::ListType>()->getElementType() == *c10::IntType::get()) {
        return c10::List<int64_t>(array_argument(
            value, "an attribute", [](const Napi::Value& item) { return integer_argument(item, "an attribute"); }));
      }
      [[fallthrough]];
    default: wrong_argument("an attribute that is a number, a boolean or a list of integers");
  }
}

}  // namespace

void ModuleHandle::define(Napi::Env env) {
  using Self = ModuleHandle;
  const Napi::Function constructor = DefineClass(env, kName,
                                                 {InstanceMethod<&Self::named_parameters>("namedParameters"),
                                                  InstanceMethod<&Self::named_buffers>("namedBuffers"),
                                                  InstanceMethod<&Self::forward>("forward"),
                                                  InstanceMethod<&Self::forward_batch>("forwardBatch"),
                                                  InstanceMethod<&Self::check_inputs>("checkInputs"),
                                                  InstanceMethod<&Self::input_names>("inputNames"),
                                                  InstanceMethod<&Self::call>("call"),
                                                  InstanceMethod<&Self::method_names>("methodNames"),
                                                  InstanceMethod<&Self::takes_task_labels>("takesTaskLabels"),
                                                  InstanceMethod<&Self::forward_single_task>("forwardSingleTask"),
                                                  InstanceMethod<&Self::forward_all_tasks>("forwardAllTasks"),
                                                  InstanceMethod<&Self::check_idle>("checkIdle"),
                                                  InstanceMethod<&Self::part_names>("partNames"),
                                                  InstanceMethod<&Self::set_attribute>("setAttribute"),
                                                  InstanceMethod<&Self::state>("state"),
                                                  InstanceMethod<&Self::tensor>("tensor"),
                                                  InstanceMethod<&Self::set_tensor>("setTensor"),
                                                  InstanceMethod<&Self::replace_parts>("replaceParts"),
                                                  InstanceMethod<&Self::set_training>("setTraining"),
                                                  InstanceMethod<&Self::zero_grad>("zeroGrad"),
                                                  InstanceMethod<&Self::train>("train"),
                                                  InstanceMethod<&Self::is_training>("isTraining"),
                                                  InstanceMethod<&Self::to>("to"),
                                                  InstanceMethod<&Self::modes>("modes"),
                                                  InstanceMethod<&Self::set_modes>("setModes"),
                                                  InstanceMethod<&Self::save>("save"),
                                                  InstanceMethod<&Self::saved>("saved"),
                                                  InstanceMethod<&Self::trace>("trace"),
                                                  InstanceMethod<&Self::frozen_modes>("frozenModes"),
                                                  InstanceMethod<&Self::untrainable>("untrainable"),
                                                  InstanceMethod<&Self::code>("code"),
                                                  InstanceMethod<&Self::graph>("graph")});
  Environment::of(env).module_class = Napi::Persistent(constructor);
}

Napi::Value ModuleHandle::wrap(Napi::Env env, std::shared_ptr<Shared<Model>> model) {
  return make(Environment::of(env).module_class, std::move(model));
}

Napi::Value ModuleHandle::named_parameters(const Napi::CallbackInfo& info) {
  return guarded(info.Env(),
                 [&] { return to_entries(info.Env(), value_->idle("namedParameters").named_parameters()); });
}

Napi::Value ModuleHandle::named_buffers(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return to_entries(info.Env(), value_->idle("namedBuffers").named_buffers()); });
}

/// What a method does with so many elements is worth the whole OpenMP team, as a rule: it is more than one operator.
constexpr int64_t kLargeInput = 4096;

Napi::Value call_model(Napi::Env env, Model& model, const torch::jit::Method& method, std::vector<c10::IValue> inputs) {
  int64_t elements = 0;
  for (const c10::IValue& input : inputs) {
    if (input.isTensor() && input.toTensor().defined()) elements += input.toTensor().numel();
  }
  c10::IValue output;
  Environment::of(env).run(elements >= kLargeInput, [&] { output = model.call(method, std::move(inputs)); });
  return from_script_value(env, output);
}

/// forward(...inputs: Value[]) -> Value: synchronous, on the calling thread. Behind one tensor a second one may be task
/// labels: a model of one input leaves them aside.
Napi::Value ModuleHandle::forward(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    Model& model = value_->idle("forward");
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
    Model& model = value_->idle("forward");
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
    Model& model = value_->idle("call");
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

/// takesTaskLabels() -> boolean
Napi::Value ModuleHandle::takes_task_labels(const Napi::CallbackInfo& info) {
  return guarded(info.Env(),
                 [&]() -> Napi::Value { return Napi::Boolean::New(info.Env(), value_->object->takes_task_labels()); });
}

/// forwardSingleTask(input: Tensor, task: number) -> Tensor
Napi::Value ModuleHandle::forward_single_task(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    return TensorHandle::wrap(info.Env(), value_->idle("forward").forward_single_task(
                                              TensorHandle::tensor(info[0]), integer_argument(info[1], "task")));
  });
}

/// forwardAllTasks(input: Tensor) -> [task: number, output: Tensor][]
Napi::Value ModuleHandle::forward_all_tasks(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    Napi::Array result = Napi::Array::New(env);
    for (const auto& [task, output] : value_->idle("forward").forward_all_tasks(TensorHandle::tensor(info[0]))) {
      Napi::Array entry = Napi::Array::New(env, 2);
      entry.Set(0u, Napi::Number::New(env, static_cast<double>(task)));
      entry.Set(1u, TensorHandle::wrap(env, output));
      result.Set(result.Length(), entry);
    }
    return result;
  });
}

/// checkIdle(operation: string) -> void. Throws ERR_BUSY.
Napi::Value ModuleHandle::check_idle(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    value_->idle(string_argument(info[0], "operation").c_str());
    return info.Env().Undefined();
  });
}

/// partNames() -> [name: string, kind: "parameter" | "buffer" | "module"][]: of the outermost module.
Napi::Value ModuleHandle::part_names(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    Napi::Array result = Napi::Array::New(env);
    const c10::ClassType& type = *value_->object->module().type();
    for (size_t i = 0; i < type.numAttributes(); ++i) {
      const char* const kind = type.is_parameter(i)                ? "parameter"
                               : type.is_buffer(i)                 ? "buffer"
                               : type.getAttribute(i)->is_module() ? "module"
                                                                   : nullptr;
      if (kind == nullptr) continue;
      Napi::Array entry = Napi::Array::New(env, 2);
      entry.Set(0u, type.getAttributeName(i));
      entry.Set(1u, kind);
      result.Set(result.Length(), entry);
    }
    return result;
  });
}

/// setAttribute(name: string, value: number | boolean | number[]) -> void
Napi::Value ModuleHandle::set_attribute(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const std::string name = string_argument(info[0], "name");
    torch::jit::Module& module = value_->idle(name.c_str()).module();
    module.setattr(name, attribute_argument(info[1], module.type()->getAttribute(name)));
    return info.Env().Undefined();
  });
}

Napi::Value ModuleHandle::train(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    value_->idle("train").train(boolean_argument(info[0], "mode"));
    return info.Env().Undefined();
  });
}

Napi::Value ModuleHandle::is_training(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::Boolean::New(info.Env(), value_->idle("training").is_training());
  });
}

/// zeroGrad() -> void: of all parameters.
Napi::Value ModuleHandle::zero_grad(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    for (auto& [name, parameter] : value_->idle("zeroGrad").named_parameters()) parameter.mutable_grad().reset();
    return info.Env().Undefined();
  });
}

/// setTraining(mode: boolean) -> void: of the outermost module alone.
Napi::Value ModuleHandle::set_training(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    value_->idle("train").set_training(boolean_argument(info[0], "mode"));
    return info.Env().Undefined();
  });
}

/// to(device: string | null, dtype: string | null) -> void
Napi::Value ModuleHandle::to(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    std::optional<at::Device> device;
    std::optional<at::ScalarType> dtype;
    if (!is_absent(info[0])) device = device_named(string_argument(info[0], "device"));
    if (!is_absent(info[1])) dtype = dtype_named(string_argument(info[1], "dtype")).type;
    value_->idle("to").to(device, dtype);
    return info.Env().Undefined();
  });
}

/// state(recurse: boolean) -> [name: string, tensor: Tensor, isBuffer: boolean][]
Napi::Value ModuleHandle::state(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const auto entries = value_->idle("stateDict").state(boolean_argument(info[0], "recurse"));
    Napi::Array result = Napi::Array::New(env, entries.size());
    for (uint32_t i = 0; i < entries.size(); ++i) {
      Napi::Array entry = Napi::Array::New(env, 3);
      entry.Set(0u, Napi::String::New(env, entries[i].name));
      entry.Set(1u, TensorHandle::wrap(env, entries[i].tensor));
      entry.Set(2u, Napi::Boolean::New(env, entries[i].is_buffer));
      result.Set(i, entry);
    }
    return result;
  });
}

/// tensor(name: string) -> Tensor | null: a parameter or buffer of the outermost module; null where it does without.
Napi::Value ModuleHandle::tensor(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const std::string name = string_argument(info[0], "name");
    const torch::jit::Module& module = value_->idle(name.c_str()).module();
    const bool found = module.hasattr(name) && module.attr(name).isTensor();
    return TensorHandle::wrap(info.Env(), found ? module.attr(name).toTensor() : at::Tensor());
  });
}

/// setTensor(name: string, tensor: Tensor) -> void
Napi::Value ModuleHandle::set_tensor(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const std::string name = string_argument(info[0], "name");
    value_->idle(name.c_str()).set_tensor(name, TensorHandle::tensor(info[1]));
    return info.Env().Undefined();
  });
}

/// replaceParts(removed: string[], children, parameters, buffers, source: string | null) -> void: without source the
/// methods stay, and use none of the parts.
Napi::Value ModuleHandle::replace_parts(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    Children children;
    const ScriptParts parts = parts_argument(info, 1, children);
    const auto removed =
        array_argument(info[0], "removed", [](const Napi::Value& name) { return string_argument(name, "a name"); });
    std::optional<std::string> source;
    if (!is_absent(info[4])) source = string_argument(info[4], "source");
    value_->idle("module").recompose(removed, parts, source);
    for (const auto& child : children) child->join(*value_);
    return info.Env().Undefined();
  });
}

/// modes() -> Record<string, boolean>: train (true) or eval mode of every module of the tree by its name.
Napi::Value ModuleHandle::modes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Napi::Object result = Napi::Object::New(info.Env());
    for (const auto& [name, mode] : value_->idle("modes").modes()) result.Set(name, mode);
    return result;
  });
}

/// setModes(modes: Record<string, boolean>) -> void
Napi::Value ModuleHandle::set_modes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    if (!info[0].IsObject()) wrong_argument("modes to be an object");
    const auto object = info[0].As<Napi::Object>();
    std::unordered_map<std::string, bool> modes;
    for (const Napi::Value& name :
         array_argument(object.GetPropertyNames(), "names", [](const Napi::Value& value) { return value; })) {
      modes[name.ToString()] = boolean_argument(object.Get(name), "mode");
    }
    value_->idle("setModes").set_modes(modes);
    return info.Env().Undefined();
  });
}

/// What is to be saved is copied at once: the model may be used, and trained, while its copy is written. A copy ends on the
/// compute thread, because who waits for that keeps the JavaScript thread.
template <typename Write, typename Convert>
Napi::Value write_copy(Napi::Env env, Model& model, Write write, Convert convert) {
  return run_on_compute_thread(
      env, {},
      [copy = std::make_unique<ModelCopy>(model.copy()), write = std::move(write)]() mutable {
        const std::unique_ptr<ModelCopy> ending = std::move(copy);
        return write(*ending);
      },
      convert);
}

/// save(path: string) -> Promise<void>, behind whatever the compute thread has to do before. Throws ERR_BUSY.
Napi::Value ModuleHandle::save(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const std::string path = string_argument(info[0], "path");
    return write_copy(
        info.Env(), value_->idle("jit.save"),
        [path](const ModelCopy& copy) {
          copy.save(path);
          return true;
        },
        [](Napi::Env env, bool) { return env.Undefined(); });
  });
}

/// saved() -> Promise<Buffer>: what `save` would write. Throws ERR_BUSY.
Napi::Value ModuleHandle::saved(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return write_copy(
        info.Env(), value_->idle("jit.saveToBuffer"), [](const ModelCopy& copy) { return copy.saved(); },
        [](Napi::Env env, const std::string& bytes) -> Napi::Value {
          return Napi::Buffer<char>::Copy(env, bytes.data(), bytes.size());
        });
  });
}

/// A tensor, or an array of them as a tuple. An array that holds itself has no end.
c10::IValue traceable(const Napi::Value& value, int depth = 0) {
  constexpr int kDeepest = 64;
  if (!value.IsArray()) return TensorHandle::tensor(value);
  if (depth == kDeepest) wrong_argument("tensors in arrays of less depth");
  return c10::ivalue::Tuple::create(
      array_argument(value, "tensors", [depth](const Napi::Value& item) { return traceable(item, depth + 1); }));
}

/// trace(inputs: Value[], forward: (inputs: Value[]) => Value, takesTaskLabels: boolean) -> Module: inputs and output
/// are tensors and arrays of them.
Napi::Value ModuleHandle::trace(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    const torch::jit::Stack inputs =
        array_argument(info[0], "inputs", [](const Napi::Value& value) { return traceable(value); });
    if (!info[1].IsFunction()) wrong_argument("forward to be a function");
    const Napi::Function forward = info[1].As<Napi::Function>();
    const bool takes_task_labels = boolean_argument(info[2], "takesTaskLabels");
    torch::jit::Module traced = continual::trace(value_->idle("jit.trace").module(), inputs, takes_task_labels,
                                                 [&](const torch::jit::Stack& values) {
                                                   Napi::Array array = Napi::Array::New(env, values.size());
                                                   for (uint32_t i = 0; i < values.size(); ++i)
                                                     array.Set(i, from_script_value(env, values[i]));
                                                   return traceable(forward.Call({array}));
                                                 });
    auto shared = std::make_shared<Shared<Model>>(std::make_shared<Model>(std::move(traced)));
    value_->idle("jit.trace");
    shared->join(*value_);
    return ModuleHandle::wrap(env, std::move(shared));
  });
}

/// frozenModes() -> { module, operator, mode }[]
Napi::Value ModuleHandle::frozen_modes(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    Napi::Array result = Napi::Array::New(env);
    for (const FrozenMode& frozen : continual::frozen_modes(value_->object->module())) {
      Napi::Object entry = Napi::Object::New(env);
      entry.Set("module", frozen.module);
      entry.Set("operator", frozen.operation);
      entry.Set("mode", frozen.train ? "train" : "eval");
      result.Set(result.Length(), entry);
    }
    return result;
  });
}

/// untrainable() -> { module, reason }[]
Napi::Value ModuleHandle::untrainable(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    Napi::Array result = Napi::Array::New(env);
    for (const UntrainablePart& part : untrainable_parts(value_->object->module())) {
      Napi::Object entry = Napi::Object::New(env);
      entry.Set("module", part.module);
      entry.Set("reason", part.reason == Fixed::kFrozen ? "frozen" : "quantized");
      result.Set(result.Length(), entry);
    }
    return result;
  });
}

/// code() -> string: of the method `forward`.
Napi::Value ModuleHandle::code(const Napi::CallbackInfo& info) {
  return guarded(info.Env(),
                 [&]() -> Napi::Value { return Napi::String::New(info.Env(), value_->idle("code").code()); });
}

/// graph() -> string: of the method `forward`.
Napi::Value ModuleHandle::graph(const Napi::CallbackInfo& info) {
  return guarded(info.Env(),
                 [&]() -> Napi::Value { return Napi::String::New(info.Env(), value_->idle("graph").graph()); });
}

}  // namespace continual::binding
