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

OptionReader option_reader(const Napi::Value& value) {
  if (!value.IsObject()) wrong_argument("options to be an object");
  return {value.As<Napi::Object>()};
}

SgdOptions read_sgd(const OptionReader& read) {
  return {.lr = read.number("lr"),
          .momentum = read.number("momentum"),
          .dampening = read.number("dampening"),
          .weight_decay = read.number("weightDecay"),
          .nesterov = read.flag("nesterov"),
          .maximize = read.flag("maximize")};
}

AdamOptions read_adam(const OptionReader& read, bool decoupled_weight_decay) {
  return {.lr = read.number("lr"),
          .beta1 = read.number("beta1"),
          .beta2 = read.number("beta2"),
          .eps = read.number("eps"),
          .weight_decay = read.number("weightDecay"),
          .amsgrad = read.flag("amsgrad"),
          .maximize = read.flag("maximize"),
          .decoupled_weight_decay = decoupled_weight_decay};
}

OptimizerOptions read_options(const std::string& kind, const OptionReader& read) {
  if (kind == "SGD") return read_sgd(read);
  if (kind != "Adam" && kind != "AdamW") wrong_argument("a known kind of optimizer");
  return read_adam(read, kind == "AdamW");
}

/// As PyTorch refuses them: an update of a computed tensor would be lost, one of a repeated tensor made twice.
void check_parameters(const std::string& kind, const std::vector<ParameterGroup>& groups) {
  std::unordered_set<at::TensorImpl*> seen;
  for (size_t g = 0; g < groups.size(); ++g) {
    for (size_t i = 0; i < groups[g].parameters.size(); ++i) {
      const at::Tensor& parameter = groups[g].parameters[i];
      const auto refuse = [&](const char* expected) {
        throw Error("ERR_INVALID_ARG_VALUE", "optim." + kind + ": expected parameters to be " + expected + ", got " +
                                                 toString(parameter.scalar_type()) + " " + c10::str(parameter.sizes()) +
                                                 " at index " + std::to_string(i) +
                                                 (groups.size() > 1 ? " of group " + std::to_string(g) : ""));
      };
      if (!parameter.is_leaf()) refuse("leaves, not computed tensors");
      if (!at::isFloatingType(parameter.scalar_type())) refuse("floating-point tensors");
      if (!seen.insert(parameter.unsafeGetTensorImpl()).second) refuse("distinct");
    }
  }
}

/// Native: createOptimizer(kind: string, groups: { params: Tensor[], options: object }[]) -> Optimizer
Napi::Value create_optimizer(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const std::string kind = string_argument(info[0], "kind");
    auto groups = array_argument(info[1], "groups", [&](const Napi::Value& value) -> ParameterGroup {
      const auto group = option_reader(value).object;
      return {
          .parameters = array_argument(group.Get("params"), "params",
                                       [](const Napi::Value& parameter) { return TensorHandle::tensor(parameter); }),
          .options = read_options(kind, option_reader(group.Get("options")))};
    });
    check_parameters(kind, groups);
    return OptimizerHandle::make(env, Environment::of(env).optimizer_class,
                                 std::make_shared<Shared<Optimizer>>(std::make_shared<Optimizer>(std::move(groups))));
  });
}

size_t group_argument(const Napi::Value& value, const Optimizer& optimizer) {
  const int64_t group = integer_argument(value, "group");
  if (group < 0 || static_cast<size_t>(group) >= optimizer.groups().size()) wrong_argument("the index of a group");
  return static_cast<size_t>(group);
}

}  // namespace

void OptimizerHandle::define(Napi::Env env, Napi::Object exports) {
  using Self = OptimizerHandle;
  const Napi::Function constructor =
      DefineClass(env, kName,
                  {InstanceMethod<&Self::step>("step"), InstanceMethod<&Self::zero_grad>("zeroGrad"),
                   InstanceMethod<&Self::group_parameters>("groupParameters"),
                   InstanceMethod<&Self::set_group_options>("setGroupOptions"), InstanceMethod<&Self::state>("state")});
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

/// groupParameters(group: number) -> Tensor[]
Napi::Value OptimizerHandle::group_parameters(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const Optimizer& optimizer = value_->idle("paramGroups");
    const auto& parameters = optimizer.groups()[group_argument(info[0], optimizer)].parameters;
    Napi::Array result = Napi::Array::New(env, parameters.size());
    for (uint32_t i = 0; i < parameters.size(); ++i) result.Set(i, TensorHandle::wrap(env, parameters[i]));
    return result;
  });
}

/// setGroupOptions(group: number, options: object) -> void: from the next step on.
Napi::Value OptimizerHandle::set_group_options(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    Optimizer& optimizer = value_->idle("paramGroups");
    const size_t group = group_argument(info[0], optimizer);
    const OptionReader read = option_reader(info[1]);
    const auto* adam = std::get_if<AdamOptions>(&optimizer.groups()[group].options);
    if (adam) optimizer.set_options(group, read_adam(read, adam->decoupled_weight_decay));
    else optimizer.set_options(group, read_sgd(read));
    return info.Env().Undefined();
  });
}

/// state(parameter: Tensor) -> { momentumBuffer } of SGD, { step, expAvg, expAvgSq, maxExpAvgSq? } of Adam, or null
Napi::Value OptimizerHandle::state(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const Optimizer& optimizer = value_->idle("state");
    const std::optional<ParameterState> state = optimizer.state(TensorHandle::tensor(info[0]));
    if (!state) return env.Null();
    Napi::Object object = Napi::Object::New(env);
    if (!state->second.defined()) {
      object.Set("momentumBuffer", TensorHandle::wrap(env, state->momentum));
      return object;
    }
    object.Set("step", static_cast<double>(state->steps));
    object.Set("expAvg", TensorHandle::wrap(env, state->momentum));
    object.Set("expAvgSq", TensorHandle::wrap(env, state->second));
    if (state->max_second.defined()) object.Set("maxExpAvgSq", TensorHandle::wrap(env, state->max_second));
    return object;
  });
}

}  // namespace continual::binding
