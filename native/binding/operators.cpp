// Calling any operator from JavaScript.
#include "binding/operators.h"

#include <unordered_set>

#include "binding/arguments.h"
#include "binding/environment.h"
#include "binding/errors.h"
#include "binding/ivalues.h"
#include "core/dispatcher.h"

namespace continual::binding {
namespace {

/// The arguments of one overload on a stack, or nothing where they do not fit.
std::optional<torch::jit::Stack> match(const c10::FunctionSchema& schema, const Napi::Array& positional,
                                       const Napi::Value& keywords) {
  const auto& arguments = schema.arguments();
  const bool has_keywords = keywords.IsObject();
  const Napi::Object options = has_keywords ? keywords.As<Napi::Object>() : Napi::Object();
  uint32_t keywords_used = 0;
  torch::jit::Stack stack;
  stack.reserve(arguments.size());
  if (positional.Length() > arguments.size()) return std::nullopt;
  for (uint32_t i = 0; i < arguments.size(); ++i) {
    const c10::Argument& argument = arguments[i];
    Napi::Value value;
    if (i < positional.Length() && !argument.kwarg_only()) {
      value = positional.Get(i);
    } else if (i < positional.Length()) {
      return std::nullopt;
    } else if (has_keywords && options.HasOwnProperty(argument.name())) {
      value = options.Get(argument.name());
      ++keywords_used;
    }
    if (value.IsEmpty() || value.IsUndefined()) {
      if (!argument.default_value()) return std::nullopt;
      stack.push_back(*argument.default_value());
      continue;
    }
    auto converted = to_ivalue(value, argument);
    if (!converted) return std::nullopt;
    stack.push_back(std::move(*converted));
  }
  if (has_keywords && keywords_used != options.GetPropertyNames().Length()) return std::nullopt;
  return stack;
}

/// Operators that change what a tensor is, not only its elements: a job may be using it.
bool moves_tensors(const std::string& name) {
  static const std::unordered_set<std::string> names{"aten::set_",       "aten::set_data", "aten::resize_",
                                                     "aten::resize_as_", "aten::detach_",  "aten::requires_grad_",
                                                     "aten::_backward"};
  return names.count(name) > 0;
}

/// Native: callOperator(name: string, args: Value[], keywords: object | null) -> Value
/// Synchronous. `name` is "aten::add" or "aten::add.Tensor"; without an overload the first that takes the arguments is
/// called. Throws ERR_UNKNOWN_OPERATOR, ERR_NO_OVERLOAD (with the schemas there are), ERR_TORCH, ERR_BUSY.
Napi::Value call_operator(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    std::string name = string_argument(info[0], "name");
    if (!info[1].IsArray()) wrong_argument("the arguments as an array");
    const auto positional = info[1].As<Napi::Array>();
    std::optional<std::string> overload;
    if (const size_t dot = name.find('.'); dot != std::string::npos) {
      overload = name.substr(dot + 1);
      if (overload == "default") overload = "";
      name.resize(dot);
    }
    if (moves_tensors(name) && Environment::of(env).occupying_jobs > 0) {
      throw Error("ERR_BUSY", "operator " + name + ": expected no strategy to be training or evaluating, got one");
    }
    const auto& handles = overloads_of(name);
    std::string schemas;
    for (const c10::OperatorHandle& handle : handles) {
      const c10::FunctionSchema& schema = handle.schema();
      if (overload && schema.overload_name() != *overload) continue;
      schemas += "\n  " + c10::str(schema);
      auto stack = match(schema, positional, info[2]);
      if (!stack) continue;
      handle.callBoxed(*stack);
      if (stack->empty()) return env.Undefined();
      if (stack->size() == 1) return to_javascript(env, stack->front());
      Napi::Array results = Napi::Array::New(env, stack->size());
      for (uint32_t i = 0; i < stack->size(); ++i) results.Set(i, to_javascript(env, (*stack)[i]));
      return results;
    }
    if (schemas.empty()) {
      throw Error("ERR_UNKNOWN_OPERATOR",
                  "operator " + name + (overload ? "." + *overload : "") + " is not in this libtorch");
    }
    throw Error("ERR_NO_OVERLOAD", "operator " + name + " does not take these arguments; expected one of:" + schemas);
  });
}

}  // namespace

void define_operators(Napi::Env env, Napi::Object exports) {
  exports.Set("callOperator", Napi::Function::New(env, call_operator, "callOperator"));
}

}  // namespace continual::binding
