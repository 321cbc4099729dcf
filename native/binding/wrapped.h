// A JavaScript class that holds one core object. Node-API checks the receiver of a method; `get` checks arguments by a
// type tag, so that a handle of another class never reaches C++ as the wrong type.
#pragma once

#include <string>
#include <utility>

#include "binding/arguments.h"
#include "binding/environment.h"
#include "binding/errors.h"

namespace continual::binding {

/// `Self` provides `static constexpr napi_type_tag kTag` and `static constexpr const char* kName`; `Value` is cheap to
/// copy (a shared_ptr or a tensor).
template <typename Self, typename Value>
class Wrapped : public Napi::ObjectWrap<Self> {
 public:
  /// Instances come from C++ only: JavaScript has no External to give.
  explicit Wrapped(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Self>(info) {
    if (info.Length() == 0 || !info[0].IsExternal()) {
      throw to_javascript(info.Env(), {"ERR_INVALID_ARG_TYPE", std::string(Self::kName) + " cannot be constructed"});
    }
    value_ = std::move(*info[0].As<Napi::External<Value>>().Data());
    info.This().As<Napi::Object>().TypeTag(&Self::kTag);
  }

  static Napi::Object make(Napi::Env env, const Napi::FunctionReference& constructor, Value value) {
    return constructor.New({Napi::External<Value>::New(env, &value)});
  }

  static bool is(const Napi::Value& value) {
    return value.IsObject() && value.As<Napi::Object>().CheckTypeTag(&Self::kTag);
  }

  static Self& unwrap(const Napi::Value& value) {
    if (!is(value)) wrong_argument(std::string("a ") + Self::kName);
    return *Napi::ObjectWrap<Self>::Unwrap(value.As<Napi::Object>());
  }

  static const Value& get(const Napi::Value& value) { return unwrap(value).value_; }

 protected:
  Value value_;
};

}  // namespace continual::binding
