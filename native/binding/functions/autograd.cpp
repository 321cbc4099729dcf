#include "binding/functions/autograd.h"

#include "binding/environment.h"
#include "binding/objects/tensor.h"
#include "binding/util/arguments.h"
#include "binding/util/errors.h"
#include "binding/util/occupation.h"

namespace continual::binding {
namespace {

/// Native: setGradEnabled(on: boolean) -> boolean: for operators on the calling thread; returns the mode before.
Napi::Value set_grad_enabled(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const bool before = at::GradMode::is_enabled();
    at::GradMode::set_enabled(boolean_argument(info[0], "on"));
    return Napi::Boolean::New(info.Env(), before);
  });
}

/// Jobs set and clear gradients, and unlike elements these are pointers: nobody may follow them meanwhile.
void require_idle(Napi::Env env, const char* operation) {
  if (Environment::of(env).occupying_jobs > 0) {
    throw busy(operation, "no strategy to be training or evaluating, got one");
  }
}

std::vector<at::Tensor> tensor_list(const Napi::Value& value, const char* name) {
  if (is_absent(value)) return {};
  return array_argument(value, name,
                        [](const Napi::Value& item) { return is_absent(item) ? at::Tensor() : TensorHandle::tensor(item); });
}

std::optional<bool> optional_boolean(const Napi::Value& value, const char* name) {
  return is_absent(value) ? std::nullopt : std::optional(boolean_argument(value, name));
}

/// Native: tensorRequiresGrad(tensor: Tensor) -> boolean
Napi::Value tensor_requires_grad(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::Boolean::New(info.Env(), TensorHandle::tensor(info[0]).requires_grad());
  });
}

/// Native: tensorSetRequiresGrad(tensor: Tensor, on: boolean) -> void
Napi::Value tensor_set_requires_grad(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    require_idle(info.Env(), "requiresGrad_");
    const at::Tensor& tensor = TensorHandle::tensor(info[0]);
    const bool on = boolean_argument(info[1], "requiresGrad");
    // libtorch would ignore it.
    if (!on && !tensor.is_leaf()) {
      throw Error("ERR_TORCH", "requiresGrad_: expected a leaf, got a tensor that was computed (use detach())");
    }
    tensor.set_requires_grad(on);
    return info.Env().Undefined();
  });
}

/// Native: tensorGrad(tensor: Tensor) -> Tensor | null
Napi::Value tensor_grad(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    require_idle(info.Env(), "grad");
    return TensorHandle::wrap(info.Env(), TensorHandle::tensor(info[0]).grad());
  });
}

/// Native: tensorSetGrad(tensor: Tensor, grad: Tensor | null) -> void
Napi::Value tensor_set_grad(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    require_idle(info.Env(), "grad");
    set_grad(TensorHandle::tensor(info[0]), is_absent(info[1]) ? at::Tensor() : TensorHandle::tensor(info[1]));
    return info.Env().Undefined();
  });
}

/// Native: tensorGradFn(tensor: Tensor) -> string | null: the name of what computed it, "AddBackward0" for example.
Napi::Value tensor_grad_fn(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const at::Tensor& tensor = TensorHandle::tensor(info[0]);
    if (!tensor.grad_fn()) return info.Env().Null();
    return Napi::String::New(info.Env(), tensor.grad_fn()->name());
  });
}

/// Native: tensorBackward(tensor: Tensor, gradient: Tensor | null, retainGraph: boolean | null, createGraph: boolean,
/// inputs: Tensor[] | null) -> void
Napi::Value tensor_backward(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    require_idle(info.Env(), "backward");
    const at::Tensor gradient = is_absent(info[1]) ? at::Tensor() : TensorHandle::tensor(info[1]);
    const std::vector<at::Tensor> inputs = tensor_list(info[4], "inputs");
    const at::Tensor& tensor = TensorHandle::tensor(info[0]);
    const auto retain_graph = optional_boolean(info[2], "retainGraph");
    const bool create_graph = boolean_argument(info[3], "createGraph");
    const auto only = is_absent(info[4]) ? std::nullopt : std::optional<at::TensorList>(inputs);
    Environment::of(info.Env()).run_backward([&] { tensor.backward(gradient, retain_graph, create_graph, only); });
    return info.Env().Undefined();
  });
}

/// Native: autogradGrad(outputs: Tensor[], inputs: Tensor[], gradOutputs: (Tensor | null)[] | null,
/// retainGraph: boolean | null, createGraph: boolean, allowUnused: boolean) -> (Tensor | null)[]
Napi::Value autograd_grad(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    require_idle(info.Env(), "autograd.grad");
    const auto outputs = tensor_list(info[0], "outputs");
    const auto inputs = tensor_list(info[1], "inputs");
    const auto grad_outputs = tensor_list(info[2], "gradOutputs");
    const auto retain_graph = optional_boolean(info[3], "retainGraph");
    const bool create_graph = boolean_argument(info[4], "createGraph");
    const bool allow_unused = boolean_argument(info[5], "allowUnused");
    torch::autograd::variable_list grads;
    Environment::of(info.Env()).run_backward([&] {
      grads = torch::autograd::grad(outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused);
    });
    Napi::Array result = Napi::Array::New(info.Env(), grads.size());
    for (uint32_t i = 0; i < grads.size(); ++i) result.Set(i, TensorHandle::wrap(info.Env(), grads[i]));
    return result;
  });
}

}  // namespace

void set_grad(const at::Tensor& tensor, const at::Tensor& grad) {
  if (grad.defined() && (grad.sizes() != tensor.sizes() || grad.scalar_type() != tensor.scalar_type() ||
                         grad.device() != tensor.device())) {
    throw Error("ERR_SHAPE", c10::str("grad: expected shape ", tensor.sizes(), ", ", tensor.scalar_type(), " on ",
                                      tensor.device(), " as the tensor, got ", grad.sizes(), ", ", grad.scalar_type(),
                                      " on ", grad.device()));
  }
  tensor.mutable_grad() = grad;
}

void define_autograd(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  add("setGradEnabled", set_grad_enabled);
  add("tensorRequiresGrad", tensor_requires_grad);
  add("tensorSetRequiresGrad", tensor_set_requires_grad);
  add("tensorGrad", tensor_grad);
  add("tensorSetGrad", tensor_set_grad);
  add("tensorGradFn", tensor_grad_fn);
  add("tensorBackward", tensor_backward);
  add("autogradGrad", autograd_grad);
}

}  // namespace continual::binding
