#include "binding/tensor.h"

#include <cstring>

#include "binding/dtypes.h"

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

/// 0 where the elements do not lie in one block (sparse tensors).
int64_t bytes_of(const at::Tensor& tensor) {
  return tensor.layout() == at::kStrided && !tensor.is_nested() ? static_cast<int64_t>(tensor.nbytes()) : 0;
}

}  // namespace

void TensorHandle::define(Napi::Env env, Napi::Object exports) {
  using Self = TensorHandle;
  const Napi::Function constructor =
      DefineClass(env, kName,
                  {InstanceMethod<&Self::shape>("shape"), InstanceMethod<&Self::dtype>("dtype"),
                   InstanceMethod<&Self::device>("device"), InstanceMethod<&Self::requires_grad>("requiresGrad"),
                   InstanceMethod<&Self::set_requires_grad>("setRequiresGrad"), InstanceMethod<&Self::grad>("grad"),
                   InstanceMethod<&Self::item>("item"), InstanceMethod<&Self::to_typed_array>("toTypedArray"),
                   InstanceMethod<&Self::backward>("backward"), InstanceMethod<&Self::is_same>("isSame"),
                   InstanceMethod<&Self::dispose>("dispose"), InstanceMethod<&Self::is_disposed>("isDisposed")});
  Environment::of(env).tensor_class = Napi::Persistent(constructor);
  exports.Set("fromTypedArray", Napi::Function::New(env, from_typed_array, "fromTypedArray"));
}

Napi::Value TensorHandle::wrap(Napi::Env env, const at::Tensor& tensor) {
  if (!tensor.defined()) return env.Null();
  return make(env, Environment::of(env).tensor_class, tensor);
}

TensorHandle::TensorHandle(const Napi::CallbackInfo& info) : Wrapped(info) {
  bytes_ = bytes_of(value_);
  live_tensors_ = Environment::of(info.Env()).live_tensors;
  ++live_tensors_->count;
  live_tensors_->bytes += bytes_;
  Napi::MemoryManagement::AdjustExternalMemory(info.Env(), bytes_);
}

void TensorHandle::release(Napi::Env env) {
  if (!value_.defined()) return;
  value_.reset();
  --live_tensors_->count;
  live_tensors_->bytes -= bytes_;
  Napi::MemoryManagement::AdjustExternalMemory(env, -bytes_);
}

void TensorHandle::Finalize(Napi::Env env) { release(env); }

const at::Tensor& TensorHandle::alive() const {
  if (!value_.defined()) throw Error("ERR_DISPOSED", "Tensor: expected a tensor, got one that has been disposed");
  return value_;
}

/// Jobs set and clear gradients, and unlike elements these are pointers: nobody may follow them meanwhile.
const at::Tensor& TensorHandle::idle(const char* operation, Napi::Env env) const {
  if (Environment::of(env).occupying_jobs > 0) {
    throw Error("ERR_BUSY", std::string(operation) + ": expected no strategy to be training or evaluating, got one");
  }
  return alive();
}

const at::Tensor& TensorHandle::tensor(const Napi::Value& value) { return unwrap(value).alive(); }

Napi::Value TensorHandle::shape(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto sizes = alive().sizes();
    Napi::Array result = Napi::Array::New(info.Env(), sizes.size());
    for (size_t i = 0; i < sizes.size(); ++i) {
      result.Set(static_cast<uint32_t>(i), Napi::Number::New(info.Env(), static_cast<double>(sizes[i])));
    }
    return result;
  });
}

Napi::Value TensorHandle::dtype(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::String::New(info.Env(), std::string(dtype_of(alive().scalar_type()).name));
  });
}

Napi::Value TensorHandle::device(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value { return Napi::String::New(info.Env(), alive().device().str()); });
}

Napi::Value TensorHandle::requires_grad(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value { return Napi::Boolean::New(info.Env(), alive().requires_grad()); });
}

Napi::Value TensorHandle::set_requires_grad(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    idle("requiresGrad_", info.Env()).set_requires_grad(boolean_argument(info[0], "requiresGrad"));
    return info.Env().Undefined();
  });
}

Napi::Value TensorHandle::grad(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return wrap(info.Env(), idle("grad", info.Env()).grad()); });
}

Napi::Value TensorHandle::item(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (alive().numel() != 1) {
      throw Error("ERR_SHAPE", "item: expected a tensor of one element, got shape " + c10::str(alive().sizes()));
    }
    const at::Scalar scalar = alive().item();
    if (scalar.isBoolean()) return Napi::Boolean::New(info.Env(), scalar.to<bool>());
    return Napi::Number::New(info.Env(), scalar.to<double>());
  });
}

/// toTypedArray() -> TypedArray: a copy, in the order of the elements.
Napi::Value TensorHandle::to_typed_array(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    at::Tensor tensor = alive().detach();
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

Napi::Value TensorHandle::backward(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    idle("backward", info.Env()).backward();
    return info.Env().Undefined();
  });
}

Napi::Value TensorHandle::is_same(const Napi::CallbackInfo& info) {
  return guarded(info.Env(),
                 [&]() -> Napi::Value { return Napi::Boolean::New(info.Env(), alive().is_same(tensor(info[0]))); });
}

Napi::Value TensorHandle::dispose(const Napi::CallbackInfo& info) {
  release(info.Env());
  return info.Env().Undefined();
}

Napi::Value TensorHandle::is_disposed(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), !value_.defined());
}

}  // namespace continual::binding
