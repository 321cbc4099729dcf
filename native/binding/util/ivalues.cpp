#include "binding/util/ivalues.h"

#include <cmath>

#include "binding/functions/device.h"
#include "binding/objects/generator.h"
#include "binding/objects/tensor.h"
#include "binding/util/dtypes.h"

namespace continual::binding {
namespace {

constexpr double kLargestSafeInteger = 9007199254740991;

std::optional<int64_t> to_integer(const Napi::Value& value, napi_valuetype kind) {
  if (kind == napi_bigint) {
    bool lossless = false;
    const int64_t integer = value.As<Napi::BigInt>().Int64Value(&lossless);
    return lossless ? std::optional(integer) : std::nullopt;
  }
  if (kind != napi_number) return std::nullopt;
  const double number = value.As<Napi::Number>().DoubleValue();
  if (std::trunc(number) != number || std::abs(number) > kLargestSafeInteger) return std::nullopt;
  return static_cast<int64_t>(number);
}

std::optional<c10::IValue> to_number(const Napi::Value& value, napi_valuetype kind) {
  if (kind == napi_boolean) return value.As<Napi::Boolean>().Value();
  if (const auto integer = to_integer(value, kind)) return *integer;
  if (kind == napi_number) return value.As<Napi::Number>().DoubleValue();
  if (kind == napi_bigint) {
    bool lossless = false;
    const uint64_t integer = value.As<Napi::BigInt>().Uint64Value(&lossless);
    return lossless ? std::optional<c10::IValue>(integer) : std::nullopt;
  }
  if (!value.IsTypedArray()) return std::nullopt;
  const auto pair = value.As<Napi::TypedArray>();
  if (pair.TypedArrayType() != napi_float64_array || pair.ElementLength() != 2) return std::nullopt;
  const auto parts = pair.As<Napi::Float64Array>();
  return c10::complex<double>(parts[0], parts[1]);
}

/// A name that is not one fits no overload; a device that is not there is an error of its own.
std::optional<c10::IValue> to_device(const std::string& name) {
  if (names_device_kind(name)) return device_named(name);
  try {
    return at::Device(name);
  } catch (const c10::Error&) {
    return std::nullopt;
  }
}

std::optional<c10::IValue> to_dtype(const std::string& name) {
  for (const DType& dtype : kDTypes) {
    if (dtype.name == name) return static_cast<int64_t>(dtype.type);
  }
  return std::nullopt;
}

std::optional<c10::IValue> to_memory_format(const std::string& name) {
  if (name == "contiguous") return static_cast<int64_t>(at::MemoryFormat::Contiguous);
  if (name == "preserve") return static_cast<int64_t>(at::MemoryFormat::Preserve);
  if (name == "channelsLast") return static_cast<int64_t>(at::MemoryFormat::ChannelsLast);
  if (name == "channelsLast3d") return static_cast<int64_t>(at::MemoryFormat::ChannelsLast3d);
  return std::nullopt;
}

std::optional<c10::IValue> to_layout(const std::string& name) {
  if (name == "strided") return static_cast<int64_t>(at::kStrided);
  if (name == "sparseCoo") return static_cast<int64_t>(at::kSparse);
  if (name == "sparseCsr") return static_cast<int64_t>(at::kSparseCsr);
  if (name == "sparseCsc") return static_cast<int64_t>(at::kSparseCsc);
  if (name == "sparseBsr") return static_cast<int64_t>(at::kSparseBsr);
  if (name == "sparseBsc") return static_cast<int64_t>(at::kSparseBsc);
  return std::nullopt;
}

std::optional<c10::IValue> convert(const Napi::Value& value, const c10::TypePtr& type, std::optional<int32_t> length);

std::optional<c10::IValue> to_list(const Napi::Value& value, const c10::TypePtr& element,
                                   std::optional<int32_t> length) {
  c10::impl::GenericList list(element);
  if (!value.IsArray()) {
    // The schema's `int[2]`: one number stands for both.
    if (!length) return std::nullopt;
    const auto single = convert(value, element, std::nullopt);
    if (!single) return std::nullopt;
    for (int32_t i = 0; i < *length; ++i) list.push_back(*single);
    return list;
  }
  const auto array = value.As<Napi::Array>();
  const uint32_t count = array.Length();
  list.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    const auto item = convert(array.Get(i), element, std::nullopt);
    if (!item) return std::nullopt;
    list.push_back(*item);
  }
  return list;
}

std::optional<c10::IValue> convert(const Napi::Value& value, const c10::TypePtr& type, std::optional<int32_t> length) {
  const napi_valuetype kind = value.Type();
  const auto named = [&](auto convert_name) -> std::optional<c10::IValue> {
    if (kind != napi_string) return std::nullopt;
    return convert_name(value.As<Napi::String>().Utf8Value());
  };
  switch (type->kind()) {
    case c10::TypeKind::OptionalType:
      if (kind == napi_null || kind == napi_undefined) return c10::IValue();
      return convert(value, type->castRaw<c10::OptionalType>()->getElementType(), length);
    case c10::TypeKind::TensorType:
      if (const at::Tensor* tensor = TensorHandle::find(value)) return *tensor;
      return std::nullopt;
    case c10::TypeKind::ListType: return to_list(value, type->castRaw<c10::ListType>()->getElementType(), length);
    case c10::TypeKind::FloatType:
      if (kind != napi_number) return std::nullopt;
      return value.As<Napi::Number>().DoubleValue();
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType: {
      const auto integer = to_integer(value, kind);
      return integer ? std::optional<c10::IValue>(*integer) : std::nullopt;
    }
    case c10::TypeKind::NumberType: return to_number(value, kind);
    case c10::TypeKind::BoolType:
      if (kind != napi_boolean) return std::nullopt;
      return value.As<Napi::Boolean>().Value();
    case c10::TypeKind::StringType: return named([](std::string text) { return c10::IValue(std::move(text)); });
    case c10::TypeKind::DeviceObjType: return named(to_device);
    case c10::TypeKind::ScalarTypeType: return named(to_dtype);
    case c10::TypeKind::MemoryFormatType: return named(to_memory_format);
    case c10::TypeKind::LayoutType: return named(to_layout);
    case c10::TypeKind::GeneratorType:
      if (!GeneratorHandle::is(value)) return std::nullopt;
      return GeneratorHandle::generator(value);
    default: return std::nullopt;
  }
}

template <typename List>
Napi::Value to_array(Napi::Env env, const List& list) {
  Napi::Array array = Napi::Array::New(env, list.size());
  uint32_t i = 0;
  for (const c10::IValue& item : list) array.Set(i++, to_javascript(env, item));
  return array;
}

}  // namespace

std::optional<c10::IValue> to_ivalue(const Napi::Value& value, const c10::Argument& argument) {
  // `real_type` still tells a dtype or a memory format from the int that it travels as.
  return convert(value, argument.real_type(), argument.N());
}

Napi::Value to_javascript(Napi::Env env, const c10::IValue& value) {
  if (value.isTensor()) return TensorHandle::wrap(env, value.toTensor());
  if (value.isNone()) return env.Null();
  if (value.isInt()) {
    const int64_t integer = value.toInt();
    if (std::abs(static_cast<double>(integer)) > kLargestSafeInteger) return Napi::BigInt::New(env, integer);
    return Napi::Number::New(env, static_cast<double>(integer));
  }
  if (value.isUnsigned()) return Napi::BigInt::New(env, value.toUInt());  // beyond int64
  if (value.isDouble()) return Napi::Number::New(env, value.toDouble());
  if (value.isBool()) return Napi::Boolean::New(env, value.toBool());
  if (value.isComplexDouble()) {
    Napi::Float64Array pair = Napi::Float64Array::New(env, 2);
    pair[0] = value.toComplexDouble().real();
    pair[1] = value.toComplexDouble().imag();
    return pair;
  }
  if (value.isString()) return Napi::String::New(env, value.toStringRef());
  if (value.isDevice()) return Napi::String::New(env, value.toDevice().str());
  if (value.isList()) return to_array(env, value.toListRef());
  if (value.isTuple()) return to_array(env, value.toTupleRef().elements());
  throw Error("ERR_UNSUPPORTED_TYPE", "a value of type " + value.tagKind() + " has no JavaScript counterpart");
}

}  // namespace continual::binding
