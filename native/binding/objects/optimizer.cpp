// The JavaScript handle of an optimizer.
#include "binding/objects/optimizer.h"

#include <unordered_set>

#include "binding/objects/tensor.h"
#include "core/compute/work_size.h"
#include "core/optimizers/adagrad.h"
#include "core/optimizers/adam.h"
#include "core/optimizers/rmsprop.h"
#include "core/optimizers/sgd.h"

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

std::shared_ptr<const UpdateRule> read_rule(const std::string& kind, const OptionReader& read) {
  if (kind == "SGD") {
    return std::make_shared<Sgd>(SgdOptions{.lr = read.number("lr"),
                                            .momentum = read.number("momentum"),
                                            .dampening = read.number("dampening"),
                                            .weight_decay = read.number("weightDecay"),
                                            .nesterov = read.flag("nesterov"),
                                            .maximize = read.flag("maximize")});
  }
  if (kind == "Adam") {
    return std::make_shared<Adam>(AdamOptions{.lr = read.number("lr"),
                                              .beta1 = read.number("beta1"),
                                              .beta2 = read.number("beta2"),
                                              .eps = read.number("eps"),
                                              .weight_decay = read.number("weightDecay"),
                                              .amsgrad = read.flag("amsgrad"),
                                              .maximize = read.flag("maximize"),
                                              .decoupled_weight_decay = read.flag("decoupledWeightDecay")});
  }
  if (kind == "RMSprop") {
    return std::make_shared<Rmsprop>(RmspropOptions{.lr = read.number("lr"),
                                                    .alpha = read.number("alpha"),
                                                    .eps = read.number("eps"),
                                                    .weight_decay = read.number("weightDecay"),
                                                    .momentum = read.number("momentum"),
                                                    .centered = read.flag("centered"),
                                                    .maximize = read.flag("maximize")});
  }
  if (kind == "Adagrad") {
    return std::make_shared<Adagrad>(AdagradOptions{.lr = read.number("lr"),
                                                    .lr_decay = read.number("lrDecay"),
                                                    .weight_decay = read.number("weightDecay"),
                                                    .initial_accumulator_value = read.number("initialAccumulatorValue"),
                                                    .eps = read.number("eps"),
                                                    .maximize = read.flag("maximize")});
  }
  wrong_argument("a known kind of optimizer");
}

std::shared_ptr<const UpdateRule> rule_argument(const Napi::Value& kind, const Napi::Value& options) {
  return read_rule(string_argument(kind, "kind"), option_reader(options));
}

/// As PyTorch refuses them: an update of a computed tensor would be lost, one of a repeated tensor made twice.
void check_parameters(const std::string& operation, const std::vector<ParameterGroup>& groups) {
  std::unordered_set<at::TensorImpl*> seen;
  std::unordered_set<std::string> names;
  for (size_t g = 0; g < groups.size(); ++g) {
    for (size_t i = 0; i < groups[g].parameters.size(); ++i) {
      const auto& [name, parameter] = groups[g].parameters[i];
      const auto refuse = [&, &parameter = parameter](const char* expected) {
        throw Error("ERR_INVALID_ARG_VALUE", operation + ": expected parameters to be " + expected + ", got " +
                                                 toString(parameter.scalar_type()) + " " + c10::str(parameter.sizes()) +
                                                 " at index " + std::to_string(i) +
                                                 (groups.size() > 1 ? " of group " + std::to_string(g) : ""));
      };
      if (!parameter.is_leaf()) refuse("leaves, not computed tensors");
      if (!at::isFloatingType(parameter.scalar_type()) && !parameter.is_complex()) {
        refuse("floating-point or complex tensors");
      }
      if (!seen.insert(parameter.unsafeGetTensorImpl()).second) refuse("distinct");
      if (!name.empty() && !names.insert(name).second) refuse("distinct in their names");
    }
  }
}

NamedTensors::value_type named_tensor(const Napi::Value& pair) {
  if (!pair.IsArray()) wrong_argument("a pair of name and tensor");
  const auto array = pair.As<Napi::Array>();
  return {string_argument(array.Get(0u), "name"), TensorHandle::tensor(array.Get(1u))};
}

/// { params: [name: string, Tensor][], options: object }
ParameterGroup group_argument(const std::string& kind, const Napi::Value& value) {
  const Napi::Object group = option_reader(value).object;
  return {.parameters = array_argument(group.Get("params"), "params", named_tensor),
          .rule = read_rule(kind, option_reader(group.Get("options")))};
}

std::optional<ParameterState> read_state(const Napi::Value& value) {
  if (value.IsNull()) return std::nullopt;
  const Napi::Object state = option_reader(value).object;
  return ParameterState{.steps = integer_argument(state.Get("step"), "step"),
                        .tensors = array_argument(state.Get("tensors"), "tensors", named_tensor)};
}

/// Native: createOptimizer(kind: string, groups: { params: [string, Tensor][], options: object }[]) -> Optimizer. A
/// parameter without a name has "".
Napi::Value create_optimizer(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const std::string kind = string_argument(info[0], "kind");
    auto groups =
        array_argument(info[1], "groups", [&](const Napi::Value& group) { return group_argument(kind, group); });
    check_parameters("optim." + kind, groups);
    return OptimizerHandle::make(Environment::of(env).optimizer_class,
                                 std::make_shared<Shared<Optimizer>>(std::make_shared<Optimizer>(std::move(groups))));
  });
}

int64_t elements_of(const Optimizer& optimizer) {
  int64_t elements = 0;
  for (const at::Tensor& parameter : optimizer.parameters()) elements += parameter.numel();
  return elements;
}

size_t index_argument(const Napi::Value& value, const Optimizer& optimizer) {
  const int64_t group = integer_argument(value, "group");
  if (group < 0 || static_cast<size_t>(group) >= optimizer.groups().size()) wrong_argument("the index of a group");
  return static_cast<size_t>(group);
}

}  // namespace

void OptimizerHandle::define(Napi::Env env, Napi::Object exports) {
  using Self = OptimizerHandle;
  const Napi::Function constructor = DefineClass(
      env, kName,
      {InstanceMethod<&Self::step>("step"), InstanceMethod<&Self::zero_grad>("zeroGrad"),
       InstanceMethod<&Self::group_parameters>("groupParameters"),
       InstanceMethod<&Self::set_group_options>("setGroupOptions"),
       InstanceMethod<&Self::set_group_parameters>("setGroupParameters"), InstanceMethod<&Self::add_group>("addGroup"),
       InstanceMethod<&Self::state>("state"), InstanceMethod<&Self::load>("load")});
  Environment::of(env).optimizer_class = Napi::Persistent(constructor);
  exports.Set("createOptimizer", Napi::Function::New(env, create_optimizer, "createOptimizer"));
}

Napi::Value OptimizerHandle::step(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    Optimizer& optimizer = value_->idle("step");
    Environment::of(info.Env()).run(is_large_pass(elements_of(optimizer)), [&] { optimizer.step(); });
    return info.Env().Undefined();
  });
}

Napi::Value OptimizerHandle::zero_grad(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    value_->idle("zeroGrad").zero_grad();
    return info.Env().Undefined();
  });
}

/// groupParameters(group: number) -> [name: string, Tensor][]
Napi::Value OptimizerHandle::group_parameters(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const Optimizer& optimizer = value_->idle("paramGroups");
    const auto& parameters = optimizer.groups()[index_argument(info[0], optimizer)].parameters;
    Napi::Array result = Napi::Array::New(env, parameters.size());
    for (uint32_t i = 0; i < parameters.size(); ++i) {
      Napi::Array pair = Napi::Array::New(env, 2);
      pair.Set(0u, parameters[i].first);
      pair.Set(1u, TensorHandle::wrap(env, parameters[i].second));
      result.Set(i, pair);
    }
    return result;
  });
}

/// setGroupOptions(group: number, kind: string, options: object) -> void: from the next step on.
Napi::Value OptimizerHandle::set_group_options(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    Optimizer& optimizer = value_->idle("paramGroups");
    optimizer.set_rule(index_argument(info[0], optimizer), rule_argument(info[1], info[2]));
    return info.Env().Undefined();
  });
}

/// setGroupParameters(group: number, params: [name: string, Tensor][]) -> void: in place of those that it has; "" keeps
/// the name that a parameter has in the optimizer.
Napi::Value OptimizerHandle::set_group_parameters(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    Optimizer& optimizer = value_->idle("paramGroups");
    const size_t index = index_argument(info[0], optimizer);
    std::vector<ParameterGroup> all = optimizer.groups();
    all[index].parameters = array_argument(info[1], "params", named_tensor);
    check_parameters("paramGroups", all);
    optimizer.set_parameters(index, std::move(all[index].parameters));
    return info.Env().Undefined();
  });
}

/// addGroup(kind: string, group: { params: [string, Tensor][], options: object }) -> void
Napi::Value OptimizerHandle::add_group(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    Optimizer& optimizer = value_->idle("addParamGroup");
    std::vector<ParameterGroup> all = optimizer.groups();
    all.push_back(group_argument(string_argument(info[0], "kind"), info[1]));
    check_parameters("addParamGroup", all);
    optimizer.add_group(std::move(all.back()));
    return info.Env().Undefined();
  });
}

/// state(parameter: Tensor, copied: boolean) -> { step?: number, [name: string]: Tensor } | null, with PyTorch's names;
/// unless copied the memory that the next update changes.
Napi::Value OptimizerHandle::state(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const Optimizer& optimizer = value_->idle("state");
    const std::optional<ParameterState> state = optimizer.state(TensorHandle::tensor(info[0]));
    if (!state) return env.Null();
    Napi::Object object = Napi::Object::New(env);
    if (optimizer.groups().front().rule->counts_steps()) object.Set("step", static_cast<double>(state->steps));
    const bool copied = boolean_argument(info[1], "copied");
    for (const auto& [name, tensor] : state->tensors)
      object.Set(name, TensorHandle::wrap(env, copied ? tensor.clone() : tensor));
    return object;
  });
}

/// load(kind: string, groups: { options: object, states: ({ step: number, tensors: [string, Tensor][] } | null)[] }[])
Napi::Value OptimizerHandle::load(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    Optimizer& optimizer = value_->idle("loadStateDict");
    std::vector<std::shared_ptr<const UpdateRule>> rules;
    const auto states = array_argument(info[1], "groups", [&](const Napi::Value& value) {
      const Napi::Object group = option_reader(value).object;
      rules.push_back(rule_argument(info[0], group.Get("options")));
      return array_argument(group.Get("states"), "states", read_state);
    });
    if (states.size() != optimizer.groups().size()) wrong_argument("states of every group");
    optimizer.load(std::move(rules), states);
    return info.Env().Undefined();
  });
}

}  // namespace continual::binding
