// A JavaScript class that holds one core object. Node-API checks the receiver of a method; `get` checks arguments by a
// type tag, so that a handle of another class, or of another build of this addon, never reaches C++ as the wrong type.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "binding/environment.h"
#include "binding/util/arguments.h"
#include "binding/util/errors.h"

namespace continual::binding {

/// `Self` provides `static constexpr const char* kName`; `Value` is cheap to copy (a shared_ptr or a generator).
template <typename Self, typename Value>
class Wrapped : public Napi::ObjectWrap<Self> {
 public:
  /// Takes what `make` offers and nothing from JavaScript, which can reach the constructor and call it with anything.
  explicit Wrapped(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Self>(info) {
    Value* offered = std::exchange(offered_, nullptr);
    if (offered == nullptr) {
      throw to_javascript(info.Env(), {"ERR_INVALID_ARG_TYPE", std::string(Self::kName) + " cannot be constructed"});
    }
    value_ = std::move(*offered);
    const napi_type_tag tag = type_tag();
    info.This().As<Napi::Object>().TypeTag(&tag);
  }

  static Napi::Object make(const Napi::FunctionReference& constructor, Value value) {
    const struct Offer {
      explicit Offer(Value* value) { offered_ = value; }
      ~Offer() { offered_ = nullptr; }
    } offer(&value);
    return constructor.New({});
  }

  static bool is(const Napi::Value& value) {
    const napi_type_tag tag = type_tag();
    return value.IsObject() && value.As<Napi::Object>().CheckTypeTag(&tag);
  }

  static Self& unwrap(const Napi::Value& value) {
    if (!is(value)) wrong_argument(std::string("a ") + Self::kName);
    return *Napi::ObjectWrap<Self>::Unwrap(value.As<Napi::Object>());
  }

  static const Value& get(const Napi::Value& value) { return unwrap(value).value_; }

 protected:
  Value value_;

 private:
  /// Of this class in this build: an address is nobody else's.
  static napi_type_tag type_tag() {
    static char own = 0;
    return {reinterpret_cast<std::uintptr_t>(&own), 0x6c1f0f7c5b0e4a11};
  }

  inline static thread_local Value* offered_ = nullptr;
};

}  // namespace continual::binding
