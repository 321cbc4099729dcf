#include "binding/tensor.h"

#include <cstring>

#include "binding/arguments.h"
#include "binding/dtypes.h"
#include "binding/environment.h"
#include "binding/errors.h"
#include "binding/live_tensors.h"

namespace continual::binding {
namespace {

/// Native: fromTypedArray(data: TypedArray, shape: number[], dtype: string) -> Tensor
/// Copies. `dtype` names the elements of `data` (bool as Uint8Array); the shape is checked here because a mismatch
/// would read beyond the array.
Napi::Value from_typed_array(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    if (!info[0].IsTypedArray()) wrong_argument("data to be a typed array");
    napi_typedarray_type array_type{};
    size_t length = 0;
    void* data = nullptr;
    if (napi_get_typedarray_info(env, info[0], &array_type, &length, &data, nullptr, nullptr) != napi_ok) {
      throw Napi::Error::New(env);
    }
    const auto shape =
        array_argument(info[1], "shape", [](const Napi::Value& v) { return integer_argument(v, "size"); });
    const DType& dtype = dtype_named(string_argument(info[2], "dtype"));
    if (dtype.typed_array != static_cast<int>(array_type)) {
      wrong_argument("the typed array that belongs to " + std::string(dtype.name));
    }
    size_t count = 1;
    for (const int64_t size : shape) {
      if (size < 0) wrong_argument("sizes of at least 0");
      count *= static_cast<size_t>(size);
    }
    if (count != length) {
      throw Error("ERR_SHAPE", "tensor: expected " + std::to_string(count) + " elements for shape " +
                                   c10::str(at::IntArrayRef(shape)) + ", got " + std::to_string(length));
    }
    at::Tensor tensor = at::empty(shape, dtype.type);
    if (count > 0) std::memcpy(tensor.mutable_data_ptr(), data, tensor.nbytes());
    return TensorHandle::wrap(env, tensor);
  });
}

HeldTensor& held_argument(const Napi::CallbackInfo& info) {
  HeldTensor* held = TensorHandle::find(info[0]);
  if (held == nullptr) wrong_argument("a Tensor");
  return *held;
}

/// Jobs set and clear gradients, and unlike elements these are pointers: nobody may follow them meanwhile.
const at::Tensor& idle(const Napi::CallbackInfo& info, const char* operation) {
  if (Environment::of(info.Env()).occupying_jobs > 0) {
    throw Error("ERR_BUSY", std::string(operation) + ": expected no strategy to be training or evaluating, got one");
  }
  return TensorHandle::tensor(info[0]);
}

/// Native: tensorShape(tensor: Tensor) -> number[]
Napi::Value shape(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto sizes = TensorHandle::tensor(info[0]).sizes();
    Napi::Array result = Napi::Array::New(info.Env(), sizes.size());
    for (size_t i = 0; i < sizes.size(); ++i) {
      result.Set(static_cast<uint32_t>(i), Napi::Number::New(info.Env(), static_cast<double>(sizes[i])));
    }
    return result;
  });
}

/// Native: tensorDtype(tensor: Tensor) -> DType
Napi::Value dtype(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::String::New(info.Env(), std::string(dtype_of(TensorHandle::tensor(info[0]).scalar_type()).name));
  });
}

/// Native: tensorDevice(tensor: Tensor) -> string
Napi::Value device(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::String::New(info.Env(), TensorHandle::tensor(info[0]).device().str());
  });
}

/// Native: tensorRequiresGrad(tensor: Tensor) -> boolean
Napi::Value requires_grad(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::Boolean::New(info.Env(), TensorHandle::tensor(info[0]).requires_grad());
  });
}

/// Native: tensorSetRequiresGrad(tensor: Tensor, on: boolean) -> void
Napi::Value set_requires_grad(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    idle(info, "requiresGrad_").set_requires_grad(boolean_argument(info[1], "requiresGrad"));
    return info.Env().Undefined();
  });
}

/// Native: tensorGrad(tensor: Tensor) -> Tensor | null
Napi::Value grad(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return TensorHandle::wrap(info.Env(), idle(info, "grad").grad()); });
}

/// Native: tensorItem(tensor: Tensor) -> number | boolean
Napi::Value item(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const at::Tensor& tensor = TensorHandle::tensor(info[0]);
    if (tensor.numel() != 1) {
      throw Error("ERR_SHAPE", "item: expected a tensor of one element, got shape " + c10::str(tensor.sizes()));
    }
    const at::Scalar scalar = tensor.item();
    if (scalar.isBoolean()) return Napi::Boolean::New(info.Env(), scalar.to<bool>());
    return Napi::Number::New(info.Env(), scalar.to<double>());
  });
}

/// Native: tensorToTypedArray(tensor: Tensor) -> TypedArray: a copy, in the order of the elements.
Napi::Value to_typed_array(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    at::Tensor tensor = TensorHandle::tensor(info[0]).detach();
    if (tensor.layout() != at::kStrided) tensor = tensor.to_dense();
    const DType* dtype = &dtype_of(tensor.scalar_type());
    if (dtype->typed_array < 0) dtype = &dtype_of(at::kFloat);
    tensor = tensor.to(at::kCPU, dtype->type).contiguous();
    const auto count = static_cast<size_t>(tensor.numel());
    Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, tensor.nbytes());
    if (count > 0) std::memcpy(buffer.Data(), tensor.const_data_ptr(), tensor.nbytes());
    napi_value result = nullptr;
    const napi_status status = napi_create_typedarray(env, static_cast<napi_typedarray_type>(dtype->typed_array), count,
                                                      buffer, /*byte_offset=*/0, &result);
    if (status != napi_ok) throw Napi::Error::New(env);
    return Napi::Value(env, result);
  });
}

/// Native: tensorBackward(tensor: Tensor) -> void
Napi::Value backward(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    idle(info, "backward").backward();
    return info.Env().Undefined();
  });
}

/// Native: tensorIsSame(tensor: Tensor, other: Tensor) -> boolean
Napi::Value is_same(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::Boolean::New(info.Env(), TensorHandle::tensor(info[0]).is_same(TensorHandle::tensor(info[1])));
  });
}

/// Native: tensorDispose(tensor: Tensor) -> void
Napi::Value dispose(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Environment::of(info.Env()).live_tensors->dispose(info.Env(), held_argument(info));
    return info.Env().Undefined();
  });
}

/// Native: tensorIsDisposed(tensor: Tensor) -> boolean
Napi::Value is_disposed(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::Boolean::New(info.Env(), !held_argument(info).tensor.defined());
  });
}

}  // namespace

void TensorHandle::define(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  add("fromTypedArray", from_typed_array);
  add("tensorShape", shape);
  add("tensorDtype", dtype);
  add("tensorDevice", device);
  add("tensorRequiresGrad", requires_grad);
  add("tensorSetRequiresGrad", set_requires_grad);
  add("tensorGrad", grad);
  add("tensorItem", item);
  add("tensorToTypedArray", to_typed_array);
  add("tensorBackward", backward);
  add("tensorIsSame", is_same);
  add("tensorDispose", dispose);
  add("tensorIsDisposed", is_disposed);
}

Napi::Value TensorHandle::wrap(Napi::Env env, at::Tensor tensor) {
  if (!tensor.defined()) return env.Null();
  return Environment::of(env).live_tensors->hold(env, std::move(tensor));
}

HeldTensor* TensorHandle::find(const Napi::Value& value) {
  napi_valuetype type{};
  void* data = nullptr;
  if (value.IsEmpty() || napi_typeof(value.Env(), value, &type) != napi_ok || type != napi_external ||
      napi_get_value_external(value.Env(), value, &data) != napi_ok || data == nullptr) {
    return nullptr;
  }
  auto* held = static_cast<HeldTensor*>(data);
  return held->mark == HeldTensor::kMark ? held : nullptr;
}

const at::Tensor& TensorHandle::tensor(const Napi::Value& value) {
  const HeldTensor* held = find(value);
  if (held == nullptr) wrong_argument("a Tensor");
  if (!held->tensor.defined()) {
    throw Error("ERR_DISPOSED", "Tensor: expected a tensor, got one that has been disposed");
  }
  return held->tensor;
}

}  // namespace continual::binding
