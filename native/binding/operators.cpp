// Calling any operator from JavaScript.
#include "binding/operators.h"

#include <unordered_set>

#include "binding/arguments.h"
#include "binding/environment.h"
#include "binding/errors.h"
#include "binding/ivalues.h"
#include "binding/live_tensors.h"
#include "binding/tensor.h"
#include "core/dispatcher.h"

namespace continual::binding {
namespace {

/// An operator, or one overload of it, as a JavaScript function calls it.
struct BoundOperator {
  std::string name;
  std::vector<c10::OperatorHandle> overloads;  // in the order in which they are tried
  bool moves_tensors = false;                  // changes what a tensor is, not only its elements
};

/// The arguments of a call: positional ones, then perhaps a plain object with keyword arguments.
class Call {
 public:
  Call(Napi::Env env, napi_callback_info info) : env_(env) {
    napi_status status = napi_get_cb_info(env, info, &count_, few_.data(), nullptr, &data_);
    if (status == napi_ok && count_ > few_.size()) {
      many_.resize(count_);
      status = napi_get_cb_info(env, info, &count_, many_.data(), nullptr, &data_);
    }
    if (status != napi_ok) throw Napi::Error::New(env);
    if (count_ > 0 && is_keywords(values()[count_ - 1])) keywords_ = Napi::Object(env, values()[--count_]);
  }

  const BoundOperator& bound() const { return *static_cast<const BoundOperator*>(data_); }
  size_t count() const { return count_; }
  Napi::Value positional(size_t i) const { return Napi::Value(env_, values()[i]); }
  const Napi::Object& keywords() const { return keywords_; }

 private:
  const napi_value* values() const { return many_.empty() ? few_.data() : many_.data(); }

  bool is_keywords(napi_value value) const {
    napi_valuetype type{};
    bool is_other = false;
    if (napi_typeof(env_, value, &type) != napi_ok || type != napi_object) return false;
    const auto is = [&](auto question) { return question(env_, value, &is_other) == napi_ok && is_other; };
    return !is(napi_is_array) && !is(napi_is_typedarray);
  }

  Napi::Env env_;
  void* data_ = nullptr;
  std::array<napi_value, 8> few_{};
  std::vector<napi_value> many_;
  size_t count_ = few_.size();
  Napi::Object keywords_;
};

/// The value given for an argument; empty where there is none.
Napi::Value given(const Call& call, const c10::Argument& argument, size_t i) {
  if (i < call.count()) return call.positional(i);
  if (!call.keywords().IsEmpty() && call.keywords().HasOwnProperty(argument.name())) {
    return call.keywords().Get(argument.name());
  }
  return {};
}

/// Fills the stack with the arguments of one overload; false where they do not fit.
bool match(const c10::FunctionSchema& schema, const Call& call, torch::jit::Stack& stack) {
  const auto& arguments = schema.arguments();
  if (call.count() > arguments.size()) return false;
  uint32_t keywords_used = 0;
  stack.clear();
  for (size_t i = 0; i < arguments.size(); ++i) {
    const c10::Argument& argument = arguments[i];
    if (i < call.count() && argument.kwarg_only()) return false;
    const Napi::Value value = given(call, argument, i);
    if (i >= call.count() && !value.IsEmpty()) ++keywords_used;
    if (value.IsEmpty() || value.IsUndefined()) {
      if (!argument.default_value()) return false;
      stack.push_back(*argument.default_value());
      continue;
    }
    if (argument.type()->kind() == c10::TypeKind::TensorType) {
      if (!TensorHandle::is(value)) return false;
      stack.emplace_back(TensorHandle::tensor(value));
      continue;
    }
    auto converted = to_ivalue(value, argument);
    if (!converted) return false;
    stack.push_back(std::move(*converted));
  }
  return call.keywords().IsEmpty() || keywords_used == call.keywords().GetPropertyNames().Length();
}

std::string kind_of(const Napi::Value& value) {
  if (TensorHandle::is(value)) return "a Tensor";
  if (value.IsArray()) return "an array";
  if (value.IsNull()) return "null";
  if (value.IsNumber() || value.IsBoolean()) return value.ToString();
  if (value.IsBigInt()) return c10::str(value.ToString().Utf8Value(), "n");
  if (value.IsString()) return c10::str('"', value.As<Napi::String>().Utf8Value().substr(0, 40), '"');
  if (value.IsFunction()) return "a function";
  return "an object";
}

/// Why the arguments do not fit one overload.
std::string mismatch(const c10::FunctionSchema& schema, const Call& call) {
  const auto& arguments = schema.arguments();
  const auto positional = static_cast<size_t>(
      std::count_if(arguments.begin(), arguments.end(), [](const c10::Argument& a) { return !a.kwarg_only(); }));
  if (call.count() > positional) {
    return c10::str("expected at most ", positional, " arguments (others by name), got ", call.count());
  }
  for (size_t i = 0; i < arguments.size(); ++i) {
    const c10::Argument& argument = arguments[i];
    const Napi::Value value = given(call, argument, i);
    const std::string name = "\"" + argument.name() + "\"";
    if (value.IsEmpty() || value.IsUndefined()) {
      if (!argument.default_value()) return "the argument " + name + " is missing";
    } else if (!to_ivalue(value, argument)) {
      return "expected " + name + " to be " + argument.real_type()->str() + ", got " + kind_of(value);
    }
  }
  std::string unknown;
  const Napi::Array names = call.keywords().GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const std::string name = names.Get(i).ToString().Utf8Value();
    const auto at = std::find_if(arguments.begin(), arguments.end(),
                                 [&](const c10::Argument& argument) { return argument.name() == name; });
    if (at == arguments.end()) return "there is no argument \"" + name + "\"";
    if (static_cast<size_t>(at - arguments.begin()) < call.count()) return "\"" + name + "\" is given twice";
  }
  return unknown;
}

[[noreturn]] void throw_no_overload(const BoundOperator& bound, const Call& call) {
  std::string message = "operator " + bound.name + ": ";
  if (bound.overloads.size() == 1) {
    message += mismatch(bound.overloads[0].schema(), call) + "; its schema is:";
  } else {
    message += "none of its overloads takes these arguments:";
  }
  for (const c10::OperatorHandle& handle : bound.overloads) {
    message += "\n  " + c10::str(handle.schema());
    if (bound.overloads.size() > 1) message += "\n    " + mismatch(handle.schema(), call);
  }
  throw Error("ERR_NO_OVERLOAD", message);
}

napi_value call_operator(napi_env raw_env, napi_callback_info info) {
  const Napi::Env env(raw_env);
  try {
    return guarded(env, [&]() -> Napi::Value {
      const Call call(env, info);
      const BoundOperator& bound = call.bound();
      if (bound.moves_tensors && Environment::of(env).occupying_jobs > 0) {
        throw Error("ERR_BUSY",
                    "operator " + bound.name + ": expected no strategy to be training or evaluating, got one");
      }
      torch::jit::Stack stack;
      for (const c10::OperatorHandle& handle : bound.overloads) {
        if (!match(handle.schema(), call, stack)) continue;
        handle.callBoxed(stack);
        if (stack.empty()) return env.Undefined();
        if (stack.size() == 1) {
          if (stack[0].isTensor()) return TensorHandle::wrap(env, std::move(stack[0]).toTensor());
          return to_javascript(env, stack[0]);
        }
        Napi::Array results = Napi::Array::New(env, stack.size());
        for (uint32_t i = 0; i < stack.size(); ++i) results.Set(i, to_javascript(env, stack[i]));
        return results;
      }
      throw_no_overload(bound, call);
    });
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
    return nullptr;
  }
}

/// What changes a tensor's memory or its place in the graph: a job may be using it.
bool moves_tensors(const std::string& name) {
  static const std::unordered_set<std::string> names{"aten::set_",       "aten::set_data", "aten::resize_",
                                                     "aten::resize_as_", "aten::detach_",  "aten::requires_grad_",
                                                     "aten::_backward"};
  return names.count(name) > 0;
}

/// An out-variant: it is called by its own name alone, because every call that leaves `out` away means another
/// overload.
bool writes_to_out(const c10::OperatorHandle& handle) {
  const auto& arguments = handle.schema().arguments();
  return std::any_of(arguments.begin(), arguments.end(), [](const c10::Argument& a) { return a.is_out(); });
}

/// Native: operatorFunction(name: string) -> (...args: Value[]) => Value
/// `name` is "aten::add" or "aten::add.Tensor"; without an overload the first that takes the arguments is called, with
/// it that one ("default" is the one without a name). A plain object in last place holds keyword arguments. The
/// function is synchronous and throws ERR_NO_OVERLOAD (with the schemas there are), ERR_TORCH, ERR_BUSY. Throws
/// ERR_UNKNOWN_OPERATOR.
Napi::Value operator_function(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    auto bound = std::make_unique<BoundOperator>();
    bound->name = string_argument(info[0], "name");
    const size_t dot = bound->name.find('.');
    const std::string base = bound->name.substr(0, dot);
    bound->moves_tensors = moves_tensors(base);
    bound->overloads = overloads_of(base);
    if (dot == std::string::npos) {
      std::erase_if(bound->overloads, writes_to_out);
    } else {
      std::string overload = bound->name.substr(dot + 1);
      if (overload == "default") overload.clear();
      std::erase_if(bound->overloads,
                    [&](const c10::OperatorHandle& handle) { return handle.schema().overload_name() != overload; });
    }
    if (bound->overloads.empty()) {
      throw Error("ERR_UNKNOWN_OPERATOR", "operator " + bound->name + " is not in this libtorch");
    }
    napi_value function = nullptr;
    const std::string& name = bound->name;
    if (napi_create_function(env, name.c_str(), name.size(), call_operator, bound.get(), &function) != napi_ok) {
      throw Napi::Error::New(env);
    }
    // Functions live as long as the environment: lib/ keeps one for each name.
    Environment::of(env).operators.push_back(std::shared_ptr<void>(std::move(bound)));
    return Napi::Value(env, function);
  });
}

}  // namespace

void define_operators(Napi::Env env, Napi::Object exports) {
  exports.Set("operatorFunction", Napi::Function::New(env, operator_function, "operatorFunction"));
}

}  // namespace continual::binding
