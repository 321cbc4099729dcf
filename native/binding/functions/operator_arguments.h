// What a JavaScript function for an operator is given, and which overload takes it.
#pragma once

#include <array>

#include "binding/functions/bound_operator.h"
#include "binding/util/napi_setup.h"

namespace continual::binding {

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

/// The keyword that no schema has: whether a tensor that is made of nothing gets a gradient. Empty where it is not
/// given.
Napi::Value requires_grad(const Call& call, const BoundOverload& overload);

/// Fills the stack with the arguments of one overload; false where they do not fit.
bool match(const BoundOverload& overload, const Call& call, torch::jit::Stack& stack);

/// ERR_NO_OVERLOAD: why they fit none.
[[noreturn]] void throw_no_overload(const BoundOperator& bound, const Call& call);

}  // namespace continual::binding
