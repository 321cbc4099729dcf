#include "binding/objects/tensor.h"

#include <c10/util/safe_numerics.h>

#include <cstring>

#include "binding/environment.h"
#include "binding/objects/live_tensors.h"
#include "binding/util/arguments.h"
#include "binding/util/dtypes.h"
#include "binding/util/errors.h"
#include "binding/util/ivalues.h"
#include "binding/util/shared_memory.h"
#include "core/memory/owned_memory.h"

namespace continual::binding {
namespace {

/// Where a typed array's elements lie, and the tensor that they are to make.
struct TypedArrayArgument {
  void* data = nullptr;
  std::vector<int64_t> shape;
  at::ScalarType type = at::kFloat;
  size_t count = 1;
};

/// `data: TypedArray, shape: number[], dtype: string`: `dtype` names the elements of `data` (bool as Uint8Array); the
/// shape is checked here because a mismatch would read beyond the array.
TypedArrayArgument typed_array_argument(const Napi::CallbackInfo& info) {
  if (!info[0].IsTypedArray()) wrong_argument("data to be a typed array");
  napi_typedarray_type array_type{};
  size_t length = 0;
  TypedArrayArgument result;
  if (napi_get_typedarray_info(info.Env(), info[0], &array_type, &length, &result.data, nullptr, nullptr) != napi_ok) {
    throw Napi::Error::New(info.Env());
  }
  result.shape = array_argument(info[1], "shape", [](const Napi::Value& v) { return integer_argument(v, "size"); });
  const DType& dtype = dtype_named(string_argument(info[2], "dtype"));
  if (dtype.typed_array != static_cast<int>(array_type)) {
    wrong_argument("the typed array that belongs to " + std::string(dtype.name));
  }
  result.type = dtype.type;
  for (const int64_t size : result.shape) {
    uint64_t product = 0;
    if (size < 0 || c10::mul_overflows(static_cast<uint64_t>(result.count), static_cast<uint64_t>(size), &product)) {
      throw Error("ERR_SHAPE", c10::str("tensor: expected sizes of at least 0 that multiply to less than 2^64, got ",
                                        at::IntArrayRef(result.shape)));
    }
    result.count = static_cast<size_t>(product);
  }
  if (result.count != length) {
    throw Error("ERR_SHAPE", "tensor: expected " + std::to_string(result.count) + " elements for shape " +
                                 c10::str(at::IntArrayRef(result.shape)) + ", got " + std::to_string(length));
  }
  return result;
}

/// Native: fromTypedArray(data: TypedArray, shape: number[], dtype: string) -> Tensor: a copy, on the CPU.
Napi::Value from_typed_array(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const TypedArrayArgument array = typed_array_argument(info);
    at::Tensor tensor = [&] {
      const at::tracer::impl::NoTracerDispatchMode as_constant;  // a trace would record memory without contents
      return at::empty(array.shape, array.type);
    }();
    if (array.count > 0) std::memcpy(tensor.mutable_data_ptr(), array.data, tensor.nbytes());
    return TensorHandle::wrap(info.Env(), tensor);
  });
}

/// Native: shareTypedArray(data: TypedArray, shape: number[], dtype: string) -> Tensor: on the same memory, which must be
/// a SharedArrayBuffer's, because that of an ArrayBuffer can be taken away from it.
Napi::Value share_typed_array(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const TypedArrayArgument array = typed_array_argument(info);
    const size_t bytes = array.count * c10::elementSize(array.type);
    c10::Storage storage(c10::Storage::use_byte_size_t(), bytes,
                         borrowed_memory(array.data, SharedMemory::hold(info.Env(), info[0])),
                         /*allocator=*/nullptr, /*resizable=*/false);
    const at::tracer::impl::NoTracerDispatchMode as_constant;
    return TensorHandle::wrap(
        info.Env(),
        at::empty({0}, array.type).set_(std::move(storage), 0, array.shape, c10::contiguous_strides(array.shape)));
  });
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

/// Native: tensorsHaveSameShape(a: Tensor, b: Tensor) -> boolean: for hot paths, without an array for each.
Napi::Value same_shape(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const bool is_same = TensorHandle::tensor(info[0]).sizes() == TensorHandle::tensor(info[1]).sizes();
    return Napi::Boolean::New(info.Env(), is_same);
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

/// Native: tensorLayout(tensor: Tensor) -> Layout
Napi::Value layout(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    switch (TensorHandle::tensor(info[0]).layout()) {
      case at::kStrided: return Napi::String::New(info.Env(), "strided");
      case at::kSparse: return Napi::String::New(info.Env(), "sparseCoo");
      case at::kSparseCsr: return Napi::String::New(info.Env(), "sparseCsr");
      case at::kSparseCsc: return Napi::String::New(info.Env(), "sparseCsc");
      case at::kSparseBsr: return Napi::String::New(info.Env(), "sparseBsr");
      case at::kSparseBsc: return Napi::String::New(info.Env(), "sparseBsc");
      default: return Napi::String::New(info.Env(), "other");
    }
  });
}

/// Native: tensorItem(tensor: Tensor) -> number | bigint | boolean | Float64Array
Napi::Value item(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const at::Tensor& tensor = TensorHandle::tensor(info[0]);
    if (tensor.numel() != 1) {
      throw Error("ERR_SHAPE", "item: expected a tensor of one element, got shape " + c10::str(tensor.sizes()));
    }
    return to_javascript(info.Env(), c10::IValue(tensor.item()));
  });
}

/// Native: tensorToTypedArray(tensor: Tensor) -> TypedArray: a copy, in the order of the elements; complex ones as pairs.
Napi::Value to_typed_array(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    at::Tensor tensor = TensorHandle::tensor(info[0]).detach();
    if (tensor.layout() != at::kStrided) tensor = tensor.to_dense();
    if (tensor.is_quantized()) tensor = tensor.dequantize();
    if (tensor.scalar_type() == at::kFloat4_e2m1fn_x2) {
      throw Error("ERR_UNSUPPORTED_DTYPE",
                  "float4_e2m1fn_x2 holds two numbers in a byte, which JavaScript cannot hold: view it as uint8");
    }
    if (tensor.scalar_type() == at::kComplexHalf) tensor = tensor.to(at::kComplexFloat);
    tensor = tensor.resolve_neg();
    if (tensor.is_complex()) tensor = at::view_as_real(tensor.resolve_conj());
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

/// Native: tensorIsSame(tensor: Tensor, other: Tensor) -> boolean
Napi::Value is_same(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::Boolean::New(info.Env(), TensorHandle::tensor(info[0]).is_same(TensorHandle::tensor(info[1])));
  });
}

}  // namespace

HeldTensor& TensorHandle::held_argument(const Napi::CallbackInfo& info) {
  HeldTensor* found = held(info[0]);
  if (found == nullptr) wrong_argument("a Tensor");
  return *found;
}

/// Native: tensorDispose(tensor: Tensor) -> void
Napi::Value TensorHandle::dispose(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Environment::of(info.Env()).live_tensors->dispose(info.Env(), held_argument(info));
    return info.Env().Undefined();
  });
}

/// Native: tensorIsDisposed(tensor: Tensor) -> boolean
Napi::Value TensorHandle::is_disposed(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::Boolean::New(info.Env(), !held_argument(info).tensor.defined());
  });
}

void TensorHandle::define(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  add("fromTypedArray", from_typed_array);
  add("shareTypedArray", share_typed_array);
  add("tensorShape", shape);
  add("tensorsHaveSameShape", same_shape);
  add("tensorDtype", dtype);
  add("tensorDevice", device);
  add("tensorLayout", layout);
  add("tensorItem", item);
  add("tensorToTypedArray", to_typed_array);
  add("tensorIsSame", is_same);
  add("tensorDispose", dispose);
  add("tensorIsDisposed", is_disposed);
}

Napi::Value TensorHandle::wrap(Napi::Env env, at::Tensor tensor) {
  if (!tensor.defined()) return env.Null();
  return Environment::of(env).live_tensors->hold(env, std::move(tensor));
}

HeldTensor* TensorHandle::held(const Napi::Value& value) {
  void* data = nullptr;
  if (value.IsEmpty() || napi_get_value_external(value.Env(), value, &data) != napi_ok) return nullptr;
  return Environment::of(value.Env()).live_tensors->find(data);
}

const at::Tensor* TensorHandle::find(const Napi::Value& value) {
  const HeldTensor* found = held(value);
  if (found == nullptr) return nullptr;
  if (!found->tensor.defined()) {
    throw Error("ERR_DISPOSED", "Tensor: expected a tensor, got one that has been disposed");
  }
  return &found->tensor;
}

const at::Tensor& TensorHandle::tensor(const Napi::Value& value) {
  const at::Tensor* found = find(value);
  if (found == nullptr) wrong_argument("a Tensor");
  return *found;
}

}  // namespace continual::binding
