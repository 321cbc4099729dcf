// The JavaScript handle of an optimizer.
#include "binding/optimizer.h"

#include <unordered_set>

#include "binding/tensor.h"

namespace continual::binding {
namespace {

/// Options arrive complete and checked: an object with exactly the fields of the C++ struct, in camelCase.
struct OptionReader {
  Napi::Object object;
  double number(const char* name) const { return number_argument(object.Get(name), name); }
  bool flag(const char* name) const { return boolean_argument(object.Get(name), name); }
};

OptimizerOptions read_options(const std::string& kind, const OptionReader& read) {
  if (kind == "SGD") {
    return SgdOptions{.lr = read.number("lr"),
                      .momentum = read.number("momentum"),
                      .dampening = read.number("dampening"),
                      .weight_decay = read.number("weightDecay"),
                      .nesterov = read.flag("nesterov"),
                      .maximize = read.flag("maximize")};
  }
  if (kind != "Adam" && kind != "AdamW") wrong_argument("a known kind of optimizer");
  return AdamOptions{.lr = read.number("lr"),
                     .beta1 = read.number("beta1"),
                     .beta2 = read.number("beta2"),
                     .eps = read.number("eps"),
                     .weight_decay = read.number("weightDecay"),
                     .amsgrad = read.flag("amsgrad"),
                     .maximize = read.flag("maximize"),
                     .decoupled_weight_decay = kind == "AdamW"};
}

/// As PyTorch refuses them: an update of a computed tensor would be lost, one of a repeated tensor made twice.
void check_parameters(const std::string& kind, const std::vector<at::Tensor>& parameters) {
  std::unordered_set<at::TensorImpl*> seen;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const auto refuse = [&](const char* expected) {
      throw Error("ERR_INVALID_ARG_VALUE", "optim." + kind + ": expected parameters to be " + expected + ", got " +
                                               toString(parameters[i].scalar_type()) + " " +
                                               c10::str(parameters[i].sizes()) + " at index " + std::to_string(i));
    };
    if (!parameters[i].is_leaf()) refuse("leaves, not computed tensors");
    if (!at::isFloatingType(parameters[i].scalar_type())) refuse("floating-point tensors");
    if (!seen.insert(parameters[i].unsafeGetTensorImpl()).second) refuse("distinct");
  }
}

/// Native: createOptimizer(kind: string, parameters: Tensor[], options: object) -> Optimizer
Napi::Value create_optimizer(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const std::string kind = string_argument(info[0], "kind");
    auto parameters =
        array_argument(info[1], "parameters", [](const Napi::Value& value) { return TensorHandle::tensor(value); });
    check_parameters(kind, parameters);
    if (!info[2].IsObject()) wrong_argument("options to be an object");
    auto options = read_options(kind, OptionReader{info[2].As<Napi::Object>()});
    return OptimizerHandle::make(
        env, Environment::of(env).optimizer_class,
        std::make_shared<Shared<Optimizer>>(std::make_shared<Optimizer>(std::move(parameters), std::move(options))));
  });
}

}  // namespace

void OptimizerHandle::define(Napi::Env env, Napi::Object exports) {
  using Self = OptimizerHandle;
  const Napi::Function constructor =
      DefineClass(env, kName, {InstanceMethod<&Self::step>("step"), InstanceMethod<&Self::zero_grad>("zeroGrad")});
  Environment::of(env).optimizer_class = Napi::Persistent(constructor);
  exports.Set("createOptimizer", Napi::Function::New(env, create_optimizer, "createOptimizer"));
}

Napi::Value OptimizerHandle::step(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    value_->idle("step").step();
    return info.Env().Undefined();
  });
}

Napi::Value OptimizerHandle::zero_grad(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    value_->idle("zeroGrad").zero_grad();
    return info.Env().Undefined();
  });
}

}  // namespace continual::binding
