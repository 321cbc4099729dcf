#include "binding/functions/operator_arguments.h"

#include "binding/objects/tensor.h"
#include "binding/util/ivalues.h"
#include "core/error.h"

namespace continual::binding {
namespace {

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

/// Several integers in place of a list count as one argument.
size_t count_of(const Call& call, const BoundOverload& overload) {
  const size_t first = overload.spread;
  if (first == kNone || call.count() <= first + 1) return call.count();
  for (size_t i = first; i < call.count(); ++i) {
    if (!call.is_integer(i)) return call.count();
  }
  return first + 1;
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

}  // namespace

Napi::Value requires_grad(const Call& call, const BoundOverload& overload) {
  if (!overload.is_factory || call.keywords().IsEmpty()) return {};
  for (const char* key : {"requiresGrad", "requires_grad"}) {
    if (call.keywords().HasOwnProperty(key)) return call.keywords().Get(key);
  }
  return {};
}

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

void throw_no_overload(const BoundOperator& bound, const Call& call) {
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

}  // namespace continual::binding
