#include "test/standin/sparse.h"

#include <ATen/native/SparseTensorUtils.h>
#include <ATen/ops/_coalesced_native.h>
#include <ATen/ops/_indices_native.h>
#include <ATen/ops/_nnz_native.h>
#include <ATen/ops/_sparse_coo_tensor_with_dims_and_tensors_native.h>
#include <ATen/ops/_sparse_coo_tensor_with_dims_native.h>
#include <ATen/ops/_values_native.h>
#include <ATen/ops/clone_native.h>
#include <ATen/ops/copy_sparse_to_sparse_native.h>
#include <ATen/ops/dense_dim_native.h>
#include <ATen/ops/empty_native.h>
#include <ATen/ops/indices_native.h>
#include <ATen/ops/is_coalesced_native.h>
#include <ATen/ops/sparse_dim_native.h>
#include <ATen/ops/sparse_resize_and_clear_native.h>
#include <ATen/ops/sparse_resize_native.h>
#include <ATen/ops/values_native.h>
#include <ATen/ops/zero_native.h>
#include <torch/library.h>

#include "test/standin/device.h"
#include "test/standin/kernels.h"

namespace continual::standin {
namespace {

at::Tensor moved(const at::Tensor& tensor, const at::Device& to) {
  if (!tensor.defined() || tensor.device() == to) return tensor;
  if (!tensor.is_sparse()) return tensor.to(to);
  return at::_sparse_coo_tensor_unsafe(tensor._indices().to(to), tensor._values().to(to), tensor.sizes(),
                                       tensor.options().device(to), tensor.is_coalesced());
}

c10::IValue moved(const c10::IValue& value, const at::Device& to) {
  if (value.isTensor()) return moved(value.toTensor(), to);
  if (!value.isTensorList()) return value;
  c10::List<at::Tensor> list;
  for (const at::Tensor& tensor : value.toTensorVector()) list.push_back(moved(tensor, to));
  return list;
}

/// What an operator has written to a copy on the CPU.
void write_back(const at::Tensor& original, const at::Tensor& copy) {
  if (!original.is_sparse()) {
    original.copy_(copy);
    return;
  }
  at::sparse::get_sparse_impl(original)->raw_resize_(copy.sparse_dim(), copy.dense_dim(), copy.sizes());
  at::sparse::alias_into_sparse(original, copy._indices().to(original.device()), copy._values().to(original.device()));
  original._coalesced_(copy.is_coalesced());
}

void sparse_fallback(const c10::OperatorHandle& handle, torch::jit::Stack* stack) {
  const InKernel in_kernel;
  const auto& schema = handle.schema();
  const size_t count = schema.arguments().size();
  const std::vector<c10::IValue> given(stack->end() - static_cast<std::ptrdiff_t>(count), stack->end());
  std::vector<c10::IValue> copies;
  for (const c10::IValue& value : given) copies.push_back(moved(value, at::kCPU));
  torch::jit::drop(*stack, count);
  stack->insert(stack->end(), copies.begin(), copies.end());
  handle.callBoxed(stack);

  const auto is_written = [&](size_t i) {
    const c10::AliasInfo* alias = schema.arguments()[i].alias_info();
    return alias != nullptr && alias->isWrite();
  };
  for (size_t i = 0; i < count; ++i) {
    if (is_written(i)) write_back(given[i].toTensor(), copies[i].toTensor());
  }
  for (size_t r = 0; r < schema.returns().size(); ++r) {
    c10::IValue& result = (*stack)[stack->size() - schema.returns().size() + r];
    result = moved(result, device());
    const c10::AliasInfo* alias = schema.returns()[r].alias_info();
    for (size_t i = 0; i < count && alias != nullptr && alias->isWrite(); ++i) {
      if (is_written(i) && *schema.arguments()[i].alias_info() == *alias) result = given[i];
    }
  }
}

}  // namespace

void register_sparse_kernels() {
  static torch::Library fallbacks(torch::Library::IMPL, "_", c10::DispatchKey::SparsePrivateUse1, __FILE__, __LINE__);
  fallbacks.fallback(torch::CppFunction::makeFromBoxedFunction<&sparse_fallback>());

  static torch::Library aten(torch::Library::IMPL, "aten", c10::DispatchKey::SparsePrivateUse1, __FILE__, __LINE__);
  aten.impl("empty.memory_format", &at::native::empty_sparse);
  aten.impl("_sparse_coo_tensor_with_dims", &at::native::new_with_dims_sparse);
  aten.impl("_sparse_coo_tensor_with_dims_and_tensors", &at::native::new_with_dims_and_tensor_sparse_symint);
  aten.impl("sparse_dim", &at::native::sparse_dim_sparse);
  aten.impl("dense_dim", &at::native::dense_dim_sparse);
  aten.impl("_nnz", &at::native::_nnz_sparse);
  aten.impl("_indices", &at::native::_indices_sparse);
  aten.impl("_values", &at::native::_values_sparse);
  aten.impl("indices", &at::native::indices_sparse);
  aten.impl("values", &at::native::values_sparse);
  aten.impl("is_coalesced", &at::native::is_coalesced_sparse);
  aten.impl("_coalesced_", &at::native::_coalesced_sparse_);
  aten.impl("clone", &at::native::clone_sparse);
  aten.impl("zero_", &at::native::zero_sparse_);
  aten.impl("copy_sparse_to_sparse_", &at::native::copy_sparse_);
  aten.impl("sparse_resize_", &at::native::sparse_resize_);
  aten.impl("sparse_resize_and_clear_", &at::native::sparse_resize_and_clear_);
}

}  // namespace continual::standin
