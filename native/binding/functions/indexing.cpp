#include "binding/functions/indexing.h"

#include "binding/objects/tensor.h"
#include "binding/util/arguments.h"
#include "binding/util/errors.h"

namespace continual::binding {
namespace {

using at::indexing::TensorIndex;

std::optional<c10::SymInt> slice_bound(const Napi::Value& value) {
  return is_absent(value) ? std::nullopt : std::optional<c10::SymInt>(integer_argument(value, "a slice"));
}

/// A number, a boolean, null (a new dimension), "..." (all dimensions in between), a Tensor of positions or a mask, or a
/// slice [start | null, stop | null, step | null].
TensorIndex to_index(const Napi::Value& value) {
  if (value.IsNumber()) return TensorIndex(integer_argument(value, "an index"));
  if (value.IsBoolean()) return TensorIndex(boolean_argument(value, "an index"));
  if (value.IsNull()) return TensorIndex(at::indexing::None);
  if (value.IsString()) return TensorIndex(at::indexing::Ellipsis);
  if (value.IsArray()) {
    const auto slice = value.As<Napi::Array>();
    return TensorIndex(at::indexing::Slice(slice_bound(slice.Get(0u)), slice_bound(slice.Get(1u)), slice_bound(slice.Get(2u))));
  }
  return TensorIndex(TensorHandle::tensor(value));
}

std::vector<TensorIndex> index_list(const Napi::Value& value) { return array_argument(value, "indices", to_index); }

/// Native: tensorIndex(tensor: Tensor, indices: Index[]) -> Tensor
Napi::Value tensor_index(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    return TensorHandle::wrap(info.Env(), TensorHandle::tensor(info[0]).index(index_list(info[1])));
  });
}

/// Native: tensorIndexPut(tensor: Tensor, indices: Index[], value: Tensor) -> void: in place.
Napi::Value tensor_index_put(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    at::Tensor tensor = TensorHandle::tensor(info[0]);
    tensor.index_put_(index_list(info[1]), TensorHandle::tensor(info[2]));
    return info.Env().Undefined();
  });
}

}  // namespace

void define_indexing(Napi::Env env, Napi::Object exports) {
  exports.Set("tensorIndex", Napi::Function::New(env, tensor_index, "tensorIndex"));
  exports.Set("tensorIndexPut", Napi::Function::New(env, tensor_index_put, "tensorIndexPut"));
}

}  // namespace continual::binding
