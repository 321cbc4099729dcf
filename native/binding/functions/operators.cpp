// Calling any operator from JavaScript.
#include "binding/functions/operators.h"

#include <ATen/ScalarOps.h>
#include <torch/csrc/jit/frontend/tracer.h>

#include <unordered_set>

#include "binding/environment.h"
#include "binding/objects/live_tensors.h"
#include "binding/objects/tensor.h"
#include "binding/util/arguments.h"
#include "binding/util/errors.h"
#include "binding/util/ivalues.h"
#include "binding/util/occupation.h"
#include "core/operators/call_or_restore.h"
#include "core/operators/dispatcher.h"
#include "core/operators/unchecked_arguments.h"

namespace continual::binding {
namespace {

constexpr size_t kNone = SIZE_MAX;

/// One overload of an operator, and what is looked up in its schema once for all calls.
struct BoundOverload {
  c10::OperatorHandle handle;
  std::vector<std::string> keywords;  // the arguments' names in camelCase
  std::vector<bool> is_tensor;        // of each argument
  size_t positional = 0;              // how many arguments may be given by position
  size_t spread = kNone;              // a list of integers that may be given element by element: x.view(2, 3)
  size_t device = kNone;              // of an operator that makes tensors of nothing
  bool returns_self = false;          // x.add_(y)
  bool is_factory = false;            // takes requiresGrad too, as PyTorch's functions do
  bool moves = false;                 // may give a tensor other memory
  size_t of_tensor = kNone;           // the overload that is called with the number, the last argument, as a tensor

  const c10::FunctionSchema& schema() const { return handle.schema(); }
};

/// An operator, or one overload of it, as a JavaScript function calls it.
struct BoundOperator {
  std::string name;
  std::vector<BoundOverload> overloads;  // in the order in which they are tried
  bool moves_tensors = false;            // changes what a tensor is, not only its elements
  ArgumentCheck check = nullptr;         // of what libtorch does not look at
  bool is_product = false;               // does much more than pass over its elements
};

std::string camel_case(const std::string& name) {
  std::string result;
  for (size_t i = 0; i < name.size(); ++i) {
    const bool joins = name[i] == '_' && i > 0 && i + 1 < name.size();
    result += joins ? static_cast<char>(std::toupper(name[++i])) : name[i];
  }
  return result;
}

bool is_list_of_integers(const c10::Argument& argument) {
  const auto list = argument.type()->cast<c10::ListType>();
  return list && !argument.N() &&
         (list->getElementType()->kind() == c10::TypeKind::IntType ||
          list->getElementType()->kind() == c10::TypeKind::SymIntType);
}

/// Conversions have the arguments of a factory, but are none.
bool makes_tensors(const std::string& name) { return name != "aten::to" && name != "aten::_to_copy"; }

BoundOverload bind_overload(const c10::OperatorHandle& handle) {
  BoundOverload bound{.handle = handle, .keywords = {}, .is_tensor = {}};
  const auto& arguments = handle.schema().arguments();
  bool takes_tensors = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const c10::Argument& argument = arguments[i];
    bound.keywords.push_back(camel_case(argument.name()));
    bound.is_tensor.push_back(argument.type()->kind() == c10::TypeKind::TensorType);
    if (!argument.kwarg_only()) ++bound.positional;
    takes_tensors = takes_tensors || argument.type()->str().find("Tensor") != std::string::npos;
    if (argument.name() == "device" && argument.default_value()) bound.device = i;
    if (argument.name() == "pin_memory") bound.is_factory = makes_tensors(handle.schema().name());
  }
  if (takes_tensors) bound.device = kNone;
  // As Python's parser: where the one argument behind the tensor is a list.
  const size_t first = !bound.is_tensor.empty() && bound.is_tensor[0] ? 1 : 0;
  if (bound.positional == first + 1 && is_list_of_integers(arguments[first])) bound.spread = first;
  const auto& returns = handle.schema().returns();
  bound.returns_self = returns.size() == 1 && first == 1 && returns[0].alias_info() && arguments[0].alias_info() &&
                       returns[0].alias_info()->isWrite() && arguments[0].alias_info()->isWrite();
  return bound;
}

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

  bool is_integer(size_t i) const {
    napi_valuetype type{};
    return napi_typeof(env_, values()[i], &type) == napi_ok && (type == napi_number || type == napi_bigint);
  }

 private:
  const napi_value* values() const { return many_.empty() ? few_.data() : many_.data(); }

  bool is_keywords(napi_value value) const {
    napi_valuetype type{};
    bool is_other = false;
    if (napi_typeof(env_, value, &type) != napi_ok || type != napi_object) return false;
    const auto is = [&](auto question) { return question(env_, value, &is_other) == napi_ok && is_other; };
    return !is(napi_is_array) && !is(napi_is_typedarray) && is_plain(value);
  }

  /// A Date or a Map would pass for an object without keywords. The prototype of a plain object has none itself.
  bool is_plain(napi_value value) const {
    for (int depth = 0; depth < 2; ++depth) {
      napi_valuetype type{};
      if (napi_get_prototype(env_, value, &value) != napi_ok) return false;
      if (napi_typeof(env_, value, &type) != napi_ok) return false;
      if (type == napi_null) return true;
    }
    return false;
  }

  Napi::Env env_;
  void* data_ = nullptr;
  std::array<napi_value, 8> few_{};
  std::vector<napi_value> many_;
  size_t count_ = few_.size();
  Napi::Object keywords_;
};

/// The value given for an argument; empty where there is none.
Napi::Value given(const Call& call, const BoundOverload& overload, size_t i) {
  if (i == overload.spread && i < call.count() && call.is_integer(i)) {
    Napi::Array list = Napi::Array::New(call.positional(i).Env(), call.count() - i);
    for (size_t item = i; item < call.count(); ++item) list.Set(static_cast<uint32_t>(item - i), call.positional(item));
    return list;
  }
  if (i < call.count()) return call.positional(i);
  if (call.keywords().IsEmpty()) return {};
  const std::string& name = overload.schema().arguments()[i].name();
  for (const std::string* key : {&overload.keywords[i], &name}) {
    if (call.keywords().HasOwnProperty(*key)) return call.keywords().Get(*key);
  }
  return {};
}

/// The keyword that no schema has.
Napi::Value requires_grad(const Call& call, const BoundOverload& overload) {
  if (!overload.is_factory || call.keywords().IsEmpty()) return {};
  for (const char* key : {"requiresGrad", "requires_grad"}) {
    if (call.keywords().HasOwnProperty(key)) return call.keywords().Get(key);
  }
  return {};
}

/// Several integers in place of a list count as one argument.
size_t count_of(const Call& call, const BoundOverload& overload) {
  const size_t first = overload.spread;
  if (first == kNone || call.count() <= first + 1) return call.count();
  for (size_t i = first; i < call.count(); ++i) {
    if (!call.is_integer(i)) return call.count();
  }
  return first + 1;
}

/// Fills the stack with the arguments of one overload; false where they do not fit.
bool match(const BoundOverload& overload, const Call& call, torch::jit::Stack& stack) {
  const auto& arguments = overload.schema().arguments();
  const size_t count = count_of(call, overload);
  if (count > overload.positional) return false;
  uint32_t keywords_used = 0;
  stack.clear();
  stack.reserve(arguments.size());
  for (size_t i = 0; i < arguments.size(); ++i) {
    const c10::Argument& argument = arguments[i];
    const Napi::Value value = given(call, overload, i);
    if (i >= count && !value.IsEmpty()) ++keywords_used;
    if (value.IsEmpty() || value.IsUndefined()) {
      if (!argument.default_value()) return false;
      stack.push_back(*argument.default_value());
      continue;
    }
    if (overload.is_tensor[i]) {
      const at::Tensor* tensor = TensorHandle::find(value);
      if (tensor == nullptr) return false;
      stack.emplace_back(*tensor);
      continue;
    }
    auto converted = to_ivalue(value, argument);
    if (!converted) return false;
    stack.push_back(std::move(*converted));
  }
  if (call.keywords().IsEmpty()) return true;
  const Napi::Value with_gradient = requires_grad(call, overload);
  if (!with_gradient.IsEmpty()) {
    if (!with_gradient.IsBoolean() && !with_gradient.IsUndefined()) return false;
    ++keywords_used;
  }
  return keywords_used == call.keywords().GetPropertyNames().Length();
}

std::string describe(const Napi::Value& value) {
  if (TensorHandle::is(value)) return "a Tensor";
  if (value.IsArray()) {
    constexpr uint32_t kShown = 8;
    const auto array = value.As<Napi::Array>();
    std::string text = "[";
    for (uint32_t i = 0; i < array.Length() && i < kShown; ++i) {
      const Napi::Value item = array.Get(i);
      text += (i > 0 ? ", " : "") + (item.IsArray() ? std::string("an array") : describe(item));
    }
    return text + (array.Length() > kShown ? ", ...]" : "]");
  }
  if (value.IsUndefined()) return "undefined";
  if (value.IsSymbol()) return "a symbol";
  if (value.IsNull()) return "null";
  if (value.IsNumber() || value.IsBoolean()) return value.ToString();
  if (value.IsBigInt()) return c10::str(value.ToString().Utf8Value(), "n");
  if (value.IsString()) return c10::str('"', value.As<Napi::String>().Utf8Value().substr(0, 40), '"');
  if (value.IsFunction()) return "a function";
  return "an object";
}

/// Why the arguments do not fit one overload.
std::string mismatch(const BoundOverload& overload, const Call& call) {
  const auto& arguments = overload.schema().arguments();
  const size_t count = count_of(call, overload);
  if (count > overload.positional) {
    return c10::str("expected at most ", overload.positional, " arguments (others by name), got ", count);
  }
  for (size_t i = 0; i < arguments.size(); ++i) {
    const c10::Argument& argument = arguments[i];
    const Napi::Value value = given(call, overload, i);
    const std::string name = "\"" + argument.name() + "\"";
    if (value.IsEmpty() || value.IsUndefined()) {
      if (!argument.default_value()) return "the argument " + name + " is missing";
    } else if (!to_ivalue(value, argument)) {
      return "expected " + name + " to be " + argument.real_type()->str() + ", got " + describe(value);
    }
  }
  const Napi::Array names = call.keywords().GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const std::string name = names.Get(i).ToString().Utf8Value();
    size_t at = 0;
    while (at < arguments.size() && arguments[at].name() != name && overload.keywords[at] != name) ++at;
    if (at == arguments.size() && !requires_grad(call, overload).IsEmpty() && name.rfind("requires", 0) == 0) {
      return "expected \"" + name + "\" to be bool, got " + describe(call.keywords().Get(name));
    }
    if (at == arguments.size()) return "there is no argument \"" + name + "\"";
    if (at < count) return "\"" + name + "\" is given twice";
  }
  return "";
}

[[noreturn]] void throw_no_overload(const BoundOperator& bound, const Call& call) {
  std::string message = "operator " + bound.name + ": ";
  if (bound.overloads.size() == 1) {
    message += mismatch(bound.overloads[0], call) + "; its schema is:";
  } else {
    message += "none of its overloads takes these arguments:";
  }
  for (const BoundOverload& overload : bound.overloads) {
    message += "\n  " + c10::str(overload.schema());
    if (bound.overloads.size() > 1) message += "\n    " + mismatch(overload, call);
  }
  throw Error("ERR_NO_OVERLOAD", message);
}

/// Whether a call is worth the whole OpenMP team.
bool is_large(const BoundOperator& bound, const BoundOverload& overload, const torch::jit::Stack& stack) {
  int64_t elements = 0;
  const at::Tensor* left = nullptr;
  const at::Tensor* right = nullptr;
  const auto look_at = [&](const c10::IValue& value) {
    const at::Tensor& tensor = value.toTensor();
    if (!tensor.defined()) return;
    elements += tensor.numel();
    if (left == nullptr) left = &tensor;
    else if (right == nullptr) right = &tensor;
  };
  for (size_t i = 0; i < stack.size(); ++i) {
    if (overload.is_tensor[i]) {
      look_at(stack[i]);
    } else if (stack[i].isTensorList()) {
      for (const c10::IValue& item : stack[i].toListRef()) look_at(item);
    }
  }
  if (elements >= kLargePass) return true;
  return bound.is_product && left != nullptr && multiplications(*left, right == nullptr ? *left : *right) >= kLargeProduct;
}

/// What libtorch reports, with the schema that the arguments were read by.
void call_boxed(Environment& environment, const BoundOperator& bound, const BoundOverload& overload,
                torch::jit::Stack& stack) {
  // What a check calls, a trace would record.
  if (bound.check != nullptr && !torch::jit::tracer::isTracing()) bound.check(overload.schema(), stack);
  try {
    environment.run(is_large(bound, overload, stack),
                    [&] { overload.moves ? call_or_restore(overload.handle, stack) : overload.handle.callBoxed(stack); });
  } catch (const c10::Error& error) {
    if (is_out_of_memory(error) || dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr) {
      throw Error("ERR_OUT_OF_MEMORY",
                  c10::str("operator ", overload.schema().name(), ": ", error.what_without_backtrace()));
    }
    throw Error("ERR_TORCH", c10::str("operator ", overload.schema().name(), ": ", error.what_without_backtrace(),
                                      "\n  ", overload.schema()));
  }
}

napi_value call_operator(napi_env raw_env, napi_callback_info info) {
  const Napi::Env env(raw_env);
  try {
    return guarded(env, [&]() -> Napi::Value {
      const Call call(env, info);
      const BoundOperator& bound = call.bound();
      Environment& environment = Environment::of(env);
      if (bound.moves_tensors && environment.occupying_jobs > 0) {
        throw busy("operator " + bound.name, "no strategy to be training or evaluating, got one");
      }
      torch::jit::Stack stack;
      for (const BoundOverload& overload : bound.overloads) {
        if (!match(overload, call, stack)) continue;
        if (overload.device != kNone && environment.default_device && stack[overload.device].isNone()) {
          stack[overload.device] = *environment.default_device;
        }
        if (overload.of_tensor == kNone) {
          call_boxed(environment, bound, overload, stack);
        } else {
          stack.back() = at::native::wrapped_scalar_tensor(stack.back().toScalar());
          call_boxed(environment, bound, bound.overloads[overload.of_tensor], stack);
        }
        const Napi::Value with_gradient = requires_grad(call, overload);
        if (!with_gradient.IsEmpty() && with_gradient.IsBoolean() && with_gradient.As<Napi::Boolean>().Value()) {
          stack[0].toTensor().set_requires_grad(true);
        }
        if (overload.returns_self && call.count() > 0) return call.positional(0);
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

/// Python makes a tensor of a number that is multiplied with in place. The overload for numbers rounds it to the
/// tensor's dtype first: in bfloat16 `x.mul_(0.999)` would do nothing.
void multiply_as_python(std::vector<BoundOverload>& overloads) {
  const auto index = [&](const char* name) {
    const auto found = std::find_if(overloads.begin(), overloads.end(), [&](const BoundOverload& overload) {
      return overload.schema().overload_name() == name;
    });
    return static_cast<size_t>(found - overloads.begin());
  };
  const size_t of_number = index("Scalar"), of_tensor = index("Tensor");
  if (std::max(of_number, of_tensor) < overloads.size()) overloads[of_number].of_tensor = of_tensor;
}

/// Multiplies tensors, or solves for one.
bool is_product(const std::string& name) {
  static const std::unordered_set<std::string> products{
      "addbmm",      "addmm",       "baddbmm",          "bmm",              "cdist",            "conv1d",
      "conv2d",      "conv3d",      "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "convolution",
      "einsum",      "gru",         "linear",           "lstm",             "matmul",           "mm",
      "rnn_relu",    "rnn_tanh",    "tensordot",        "scaled_dot_product_attention"};
  const std::string plain = name.substr(std::string("aten::").size());
  return products.count(plain) > 0 || plain.rfind("linalg_", 0) == 0;
}

/// Native: operatorFunction(name: string) -> (...args: Value[]) => Value
/// `name` is "aten::add" or "aten::add.Tensor"; without an overload the first that takes the arguments is called, with
/// it that one ("default" is the one without a name). A plain object in last place holds keyword arguments, under the
/// schema's names or these in camelCase. What changes its first argument and returns it gives back the very handle. The
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
    bound->is_product = is_product(base);
    bound->check = unchecked_arguments_of(base);
    std::vector<c10::OperatorHandle> handles = overloads_of(base);
    if (dot == std::string::npos) {
      // An out-variant is called by its own name alone: every call that leaves `out` away means another overload.
      std::erase_if(handles, [](const c10::OperatorHandle& handle) { return writes_to_out(handle.schema()); });
    } else {
      std::string overload = bound->name.substr(dot + 1);
      if (overload == "default") overload.clear();
      std::erase_if(handles,
                    [&](const c10::OperatorHandle& handle) { return handle.schema().overload_name() != overload; });
    }
    if (handles.empty()) {
      throw Error("ERR_UNKNOWN_OPERATOR", "operator " + bound->name + " is not in this libtorch");
    }
    for (const c10::OperatorHandle& handle : handles) {
      bound->overloads.push_back(bind_overload(handle));
      bound->overloads.back().moves = bound->moves_tensors || writes_to_out(handle.schema());
    }
    if (bound->name == "aten::mul_") multiply_as_python(bound->overloads);
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
