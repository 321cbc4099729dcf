#include "binding/util/script_values.h"

#include <algorithm>
#include <charconv>

#include "binding/objects/tensor.h"
#include "binding/util/ivalues.h"
#include "core/error.h"
#include "core/models/script_module.h"

namespace continual::binding {
namespace {

/// A dict on its way; see the head of script_values.h.
struct Pairs {
  Napi::Array pairs;
  bool is_map = false;

  static std::optional<Pairs> of(const Napi::Value& value) {
    if (!value.IsObject() || value.IsArray() || value.IsExternal()) return std::nullopt;
    const auto object = value.As<Napi::Object>();
    const Napi::Value pairs = object.Get("pairs");
    if (!pairs.IsArray()) return std::nullopt;
    return Pairs{pairs.As<Napi::Array>(), object.Get("isMap").ToBoolean()};
  }

  uint32_t size() const { return pairs.Length(); }
  Napi::Value key(uint32_t i) const { return pairs.Get(i).As<Napi::Array>().Get(0u); }
  Napi::Value value(uint32_t i) const { return pairs.Get(i).As<Napi::Array>().Get(1u); }

  /// Empty where there is no such key.
  Napi::Value named(const std::string& name) const {
    for (uint32_t i = 0; i < size(); ++i) {
      const Napi::Value found = key(i);
      if (found.IsString() && found.As<Napi::String>().Utf8Value() == name) return value(i);
    }
    return {};
  }
};

std::optional<c10::IValue> to_list(const Napi::Value& value, const c10::TypePtr& element) {
  if (!value.IsArray()) return std::nullopt;
  const auto array = value.As<Napi::Array>();
  c10::impl::GenericList list(element);
  for (uint32_t i = 0; i < array.Length(); ++i) {
    auto item = to_script_value(array.Get(i), element);
    if (!item) return std::nullopt;
    list.push_back(std::move(*item));
  }
  return list;
}

std::optional<c10::IValue> to_tuple(const Napi::Value& value, const c10::TupleTypePtr& type) {
  const auto& types = type->elements();
  const auto* names = type->schema().get();
  const auto pairs = Pairs::of(value);
  if (pairs ? pairs->is_map || names == nullptr || pairs->size() != types.size()
            : !value.IsArray() || value.As<Napi::Array>().Length() != types.size()) {
    return std::nullopt;
  }
  std::vector<c10::IValue> elements;
  for (uint32_t i = 0; i < types.size(); ++i) {
    const Napi::Value item = pairs ? pairs->named(names->arguments()[i].name()) : value.As<Napi::Array>().Get(i);
    if (item.IsEmpty()) return std::nullopt;
    auto element = to_script_value(item, types[i]);
    if (!element) return std::nullopt;
    elements.push_back(std::move(*element));
  }
  return names == nullptr ? c10::ivalue::Tuple::create(std::move(elements))
                          : c10::ivalue::Tuple::createNamed(std::move(elements), type);
}

/// The key of a plain object is a text, whatever it stands for.
std::optional<c10::IValue> to_key(const Napi::Value& key, const c10::TypePtr& type, bool is_map) {
  if (is_map || type->kind() != c10::TypeKind::IntType) return to_script_value(key, type);
  const std::string text = key.ToString().Utf8Value();
  int64_t integer = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), integer);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return integer;
}

std::optional<c10::IValue> to_dict(const Napi::Value& value, const c10::DictType& type) {
  const auto pairs = Pairs::of(value);
  if (!pairs) return std::nullopt;
  c10::impl::GenericDict dict(type.getKeyType(), type.getValueType());
  for (uint32_t i = 0; i < pairs->size(); ++i) {
    auto key = to_key(pairs->key(i), type.getKeyType(), pairs->is_map);
    auto item = to_script_value(pairs->value(i), type.getValueType());
    if (!key || !item) return std::nullopt;
    dict.insert_or_assign(std::move(*key), std::move(*item));
  }
  return dict;
}

std::string kind_of(const Napi::Value& value) {
  if (value.IsEmpty() || value.IsUndefined()) return "nothing";
  if (TensorHandle::is(value)) return "a Tensor";
  if (value.IsArray()) return "an array of " + std::to_string(value.As<Napi::Array>().Length());
  if (const auto pairs = Pairs::of(value)) return pairs->is_map ? "a Map" : "an object";
  if (value.IsSymbol()) return "a symbol";
  if (value.IsFunction()) return "a function";
  if (value.IsString()) return "\"" + value.As<Napi::String>().Utf8Value() + "\"";
  return value.ToString();
}

/// Fills the stack; returns what does not fit, "" where all does.
std::string fill(const c10::FunctionSchema& schema, const std::vector<Napi::Value>& values, size_t count,
                 const std::optional<Pairs>& keywords, torch::jit::Stack& stack) {
  const auto& arguments = schema.arguments();
  const size_t most = arguments.size() - 1;  // without self
  if (count > most) return "expected at most " + std::to_string(most) + " inputs, got " + std::to_string(count);
  stack.clear();
  for (size_t i = 0; i < most; ++i) {
    const c10::Argument& argument = arguments[i + 1];
    Napi::Value value = i < count ? values[i] : Napi::Value();
    if (keywords) {
      const Napi::Value keyword = keywords->named(argument.name());
      if (i < count && !keyword.IsEmpty()) return "\"" + argument.name() + "\" is given twice";
      if (!keyword.IsEmpty()) value = keyword;
    }
    const bool is_given = !value.IsEmpty() && !value.IsUndefined();
    if (!is_given && argument.default_value()) {
      stack.push_back(*argument.default_value());
      continue;
    }
    // Not even None of an Optional is assumed: Python requires it too.
    auto converted = is_given ? to_script_value(value, argument.type()) : std::nullopt;
    if (!converted) {
      return "expected \"" + argument.name() + "\" to be " + argument.type()->repr_str() + ", got " + kind_of(value);
    }
    stack.push_back(std::move(*converted));
  }
  for (uint32_t i = 0; keywords && i < keywords->size(); ++i) {
    const std::string name = keywords->key(i).ToString();
    const auto is_named = [&](const c10::Argument& argument) { return argument.name() == name; };
    if (std::none_of(arguments.begin() + 1, arguments.end(), is_named)) return "there is no input \"" + name + "\"";
  }
  return "";
}

}  // namespace

std::optional<c10::IValue> to_script_value(const Napi::Value& value, const c10::TypePtr& type) {
  switch (type->kind()) {
    case c10::TypeKind::TensorType:
      if (const at::Tensor* tensor = TensorHandle::find(value)) return *tensor;
      return std::nullopt;
    case c10::TypeKind::NoneType:
      if (!value.IsNull() && !value.IsUndefined()) return std::nullopt;
      return c10::IValue();
    case c10::TypeKind::OptionalType:
      if (value.IsNull() || value.IsUndefined()) return c10::IValue();
      return to_script_value(value, type->castRaw<c10::OptionalType>()->getElementType());
    case c10::TypeKind::UnionType:
      for (const auto& alternative : type->castRaw<c10::UnionType>()->containedTypes()) {
        if (auto converted = to_script_value(value, alternative)) return converted;
      }
      return std::nullopt;
    case c10::TypeKind::ListType: return to_list(value, type->castRaw<c10::ListType>()->getElementType());
    case c10::TypeKind::TupleType: return to_tuple(value, type->cast<c10::TupleType>());
    case c10::TypeKind::DictType: return to_dict(value, *type->castRaw<c10::DictType>());
    default: return to_ivalue(value, c10::Argument("", type));
  }
}

Napi::Value from_script_value(Napi::Env env, const c10::IValue& value) {
  if (value.isTensor()) return TensorHandle::wrap(env, value.toTensor());
  const auto to_array = [env](const auto& items) {
    Napi::Array array = Napi::Array::New(env, items.size());
    uint32_t i = 0;
    for (const c10::IValue& item : items) array.Set(i++, from_script_value(env, item));
    return array;
  };
  if (value.isList()) return to_array(value.toListRef());
  if (value.isTuple()) return to_array(value.toTupleRef().elements());
  if (value.isGenericDict()) {
    const auto dict = value.toGenericDict();
    Napi::Array pairs = Napi::Array::New(env, dict.size());
    uint32_t i = 0;
    for (const auto& item : dict) {
      pairs.Set(i++, to_array(std::array<c10::IValue, 2>{item.key(), item.value()}));
    }
    Napi::Object object = Napi::Object::New(env);
    object.Set("pairs", pairs);
    return object;
  }
  return to_javascript(env, value);
}

torch::jit::Stack to_script_arguments(const std::string& operation, const c10::FunctionSchema& schema,
                                      const std::vector<Napi::Value>& values) {
  torch::jit::Stack stack;
  std::string complaint = fill(schema, values, values.size(), std::nullopt, stack);
  if (complaint.empty()) return stack;
  const auto keywords = values.empty() ? std::nullopt : Pairs::of(values.back());
  if (keywords && !keywords->is_map) {
    complaint = fill(schema, values, values.size() - 1, keywords, stack);
    if (complaint.empty()) return stack;
  }
  throw Error("ERR_INVALID_ARG_TYPE", operation + ": " + complaint + "; the method is\n  " + signature(schema));
}

}  // namespace continual::binding
