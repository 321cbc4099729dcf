#include "test/standin/kernels.h"

#include <ATen/EmptyTensor.h>
#include <ATen/OpMathType.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/set_native.h>
#include <ATen/ops/unfold_native.h>
#include <ATen/ops/view_as_complex_native.h>
#include <ATen/ops/view_as_real_native.h>
#include <ATen/ops/view_native.h>
#include <torch/library.h>

#include <array>
#include <set>

#include "test/standin/arena.h"
#include "test/standin/device.h"
#include "test/standin/generator.h"
#include "test/standin/recurrent_cells.h"
#include "test/standin/sparse.h"

namespace continual::standin {
namespace {

constexpr c10::DispatchKeySet kKeys(c10::DispatchKey::PrivateUse1);

std::atomic<int64_t> reads{0};
thread_local int kernels_running = 0;

void count_read() {
  if (kernels_running == 0) ++reads;
}

/// The same elements, as kernels see them.
at::Tensor on_host(const at::Tensor& tensor) {
  if (tensor.is_cpu()) return tensor;
  const c10::Storage storage = tensor.storage();
  at::Tensor bytes = at::from_blob(
      seen_by_kernels(storage.mutable_data()), {static_cast<int64_t>(storage.nbytes())}, [storage](void*) {},
      at::kByte);
  at::Tensor result = at::empty({0}, tensor.options().device(at::kCPU));
  result.set_(bytes.storage(), tensor.storage_offset(), tensor.sizes(), tensor.strides());
  result._set_conj(tensor.is_conj());
  result._set_neg(tensor.is_neg());
  return result;
}

at::Tensor empty(at::IntArrayRef size, std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
                 std::optional<at::Device>, std::optional<bool> pinned, std::optional<at::MemoryFormat> format) {
  TORCH_CHECK(!pinned.value_or(false), "Only dense CPU tensors can be pinned");
  return at::detail::empty_generic(size, allocator(), kKeys, c10::dtype_or_default(dtype), format);
}

at::Tensor empty_strided(at::IntArrayRef size, at::IntArrayRef stride, std::optional<at::ScalarType> dtype,
                         std::optional<at::Layout>, std::optional<at::Device>, std::optional<bool>) {
  return at::detail::empty_strided_generic(size, stride, allocator(), kKeys, c10::dtype_or_default(dtype));
}

void hold_bytes(const at::Tensor& tensor, at::IntArrayRef size, at::IntArrayRef stride) {
  const size_t bytes = at::detail::computeStorageNbytes(size, stride, tensor.dtype().itemsize(),
                                                        static_cast<size_t>(tensor.storage_offset()));
  if (c10::multiply_integers(size) > 0 && bytes > tensor.storage().nbytes()) resize(tensor.storage(), bytes);
}

const at::Tensor& resize_(const at::Tensor& self, at::IntArrayRef size, std::optional<at::MemoryFormat> format) {
  if (self.sizes() != size) {
    hold_bytes(self, size, c10::contiguous_strides(size));
    self.unsafeGetTensorImpl()->set_sizes_contiguous(size);
  }
  if (format) self.unsafeGetTensorImpl()->empty_tensor_restride(*format);
  return self;
}

at::Tensor& set_(at::Tensor& self, at::Storage source, int64_t offset, at::IntArrayRef size, at::IntArrayRef stride) {
  at::native::checkSetStorage(self, source, offset, size, stride);
  self.unsafeGetTensorImpl()->set_storage_offset(offset);
  const c10::DimVector strides = stride.data() == nullptr ? c10::contiguous_strides(size) : c10::DimVector(stride);
  hold_bytes(self, size, strides);
  self.unsafeGetTensorImpl()->set_sizes_and_strides(size, strides);
  return self;
}

at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool) {
  if (to.is_cpu()) count_read();
  on_host(to).copy_(on_host(from));
  return to;
}

at::Tensor copy_from_and_resize(const at::Tensor& from, const at::Tensor& to) {
  if (from.sizes() != to.sizes()) to.resize_(from.sizes());
  return copy_from(from, to, false);
}

at::Scalar local_scalar_dense(const at::Tensor& self) {
  count_read();
  return on_host(self).item();
}

/// Of kernels that the fallback does not see.
void require_device(const char* name, std::initializer_list<std::optional<at::Tensor>> tensors) {
  for (const auto& tensor : tensors) {
    TORCH_CHECK(!tensor || !tensor->defined() || !tensor->is_cpu(),
                "Expected all tensors to be on the same device, but found at least two devices, ", device(),
                " and cpu! (when checking argument in method ", name, ")");
  }
}

at::Tensor convolution(const at::Tensor& input, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                       at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed,
                       at::IntArrayRef output_padding, int64_t groups) {
  require_device("convolution", {input, weight, bias});
  const InKernel in_kernel;
  const at::Tensor added = bias.value_or(at::Tensor());
  return at::convolution(input.cpu(), weight.cpu(), added.defined() ? added.cpu() : added, stride, padding, dilation,
                         transposed, output_padding, groups)
      .to(input.device());
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> convolution_backward(const at::Tensor& grad, const at::Tensor& input,
                                                                    const at::Tensor& weight, at::IntArrayRef stride,
                                                                    at::IntArrayRef padding, at::IntArrayRef dilation,
                                                                    bool transposed, at::IntArrayRef output_padding,
                                                                    int64_t groups, std::array<bool, 3> wanted) {
  require_device("convolution_backward", {grad, input, weight});
  const InKernel in_kernel;
  const std::array<int64_t, 1> bias{transposed ? weight.size(1) * groups : weight.size(0)};
  const auto back = [&](const at::Tensor& tensor) { return tensor.defined() ? tensor.to(input.device()) : tensor; };
  const auto [to_input, to_weight, to_bias] =
      at::convolution_backward(grad.cpu(), input.cpu(), weight.cpu(), bias, stride, padding, dilation, transposed,
                               output_padding, groups, wanted);
  return {back(to_input), back(to_weight), back(to_bias)};
}

/// Moves running statistics, of which its schema does not tell.
std::tuple<at::Tensor, at::Tensor, at::Tensor> native_batch_norm(const at::Tensor& input,
                                                                 const std::optional<at::Tensor>& weight,
                                                                 const std::optional<at::Tensor>& bias,
                                                                 const std::optional<at::Tensor>& running_mean,
                                                                 const std::optional<at::Tensor>& running_var,
                                                                 bool training, double momentum, double eps) {
  require_device("native_batch_norm", {input, weight, bias, running_mean, running_var});
  const InKernel in_kernel;
  const auto seen = [](const std::optional<at::Tensor>& tensor) {
    return tensor && tensor->defined() ? on_host(*tensor) : at::Tensor();
  };
  const auto [output, mean, deviation] = at::native_batch_norm(
      on_host(input), seen(weight), seen(bias), seen(running_mean), seen(running_var), training, momentum, eps);
  return {output.to(device()), mean.to(device()), deviation.to(device())};
}

/// In float32: the CPU's kernel leaves elements of half precision as they were (pytorch#191763), a GPU's does not.
void fused_sgd_(at::TensorList values, at::TensorList grads, at::TensorList momenta, double weight_decay,
                double momentum, double lr, double dampening, bool nesterov, bool maximize, bool is_first_step,
                const std::optional<at::Tensor>& grad_scale, const std::optional<at::Tensor>& found_inf) {
  require_device("_fused_sgd_", {grad_scale, found_inf});
  const InKernel in_kernel;
  const auto widened = [](at::TensorList tensors) {
    std::vector<at::Tensor> result;
    for (const at::Tensor& tensor : tensors)
      result.push_back(on_host(tensor).to(at::toOpMathType(tensor.scalar_type())));
    return result;
  };
  const auto write_back = [](at::TensorList tensors, const std::vector<at::Tensor>& from) {
    for (size_t i = 0; i < from.size(); ++i) on_host(tensors[i]).copy_(from[i]);
  };
  const auto seen = [](const std::optional<at::Tensor>& tensor) {
    return tensor && tensor->defined() ? std::optional(on_host(*tensor)) : std::nullopt;
  };
  const std::vector<at::Tensor> wide = widened(values), wide_momenta = widened(momenta);
  at::_fused_sgd_(wide, widened(grads), wide_momenta, weight_decay, momentum, lr, dampening, nesterov, maximize,
                  is_first_step, seen(grad_scale), seen(found_inf));
  write_back(values, wide);
  write_back(momenta, wide_momenta);
}

/// Keeps each element with probability p.
std::tuple<at::Tensor, at::Tensor> fused_dropout(const at::Tensor& self, double p,
                                                 std::optional<at::Generator> generator) {
  const at::Tensor mask = at::empty_like(self).bernoulli_(p, std::move(generator));
  return {self.mul(mask).div_(p), mask.to(at::kByte)};
}

/// Operators that take a tensor on the CPU beside those on the device, as on a GPU.
bool takes_host_tensors(const c10::FunctionSchema& schema) {
  static const std::set<std::string> names{"aten::index", "aten::index_put_", "aten::index_put",
                                           "aten::_index_put_impl_", "aten::_pack_padded_sequence"};
  return names.count(schema.name()) != 0;
}

/// Operators whose result is a number, or has a shape that depends on values: a GPU is waited for.
bool reads_values(const c10::FunctionSchema& schema, const torch::jit::Stack& stack, size_t arguments) {
  static const std::set<std::string> names{"aten::nonzero",    "aten::masked_select",      "aten::_unique2",
                                           "aten::unique_dim", "aten::unique_consecutive", "aten::equal",
                                           "aten::_unique",    "aten::repeat_interleave"};
  if (names.count(schema.name()) != 0) return true;
  if (schema.name() != "aten::index" && schema.name() != "aten::_index_put_impl_") return false;
  const c10::ArrayRef<c10::IValue> indices = stack[stack.size() - arguments + 1].toListRef();
  return std::any_of(indices.begin(), indices.end(), [](const c10::IValue& index) {
    return index.isTensor() && index.toTensor().defined() && index.toTensor().scalar_type() == at::kBool;
  });
}

void check_devices(const c10::FunctionSchema& schema, const torch::jit::Stack& stack, size_t arguments) {
  if (takes_host_tensors(schema)) return;
  const auto check = [&](const at::Tensor& tensor) {
    TORCH_CHECK(!tensor.defined() || !tensor.is_cpu() || tensor.dim() == 0,
                "Expected all tensors to be on the same device, but found at least two devices, ", device(),
                " and cpu! (when checking argument in method ", schema.name(), ")");
  };
  for (size_t i = stack.size() - arguments; i < stack.size(); ++i) {
    if (stack[i].isTensor()) check(stack[i].toTensor());
    if (stack[i].isTensorList()) {
      for (const at::Tensor& tensor : stack[i].toTensorVector()) check(tensor);
    }
  }
}

/// libtorch's fallback leaves tensors in lists where they are if they are optional, as the indices of `index`.
c10::List<c10::IValue> on_cpu(const c10::List<c10::IValue>& list) {
  c10::List<c10::IValue> result = list.copy();
  for (size_t i = 0; i < result.size(); ++i) {
    const c10::IValue& item = list.get(i);
    if (item.isTensor() && item.toTensor().defined()) result.set(i, item.toTensor().cpu());
  }
  return result;
}

void fallback(const c10::OperatorHandle& handle, torch::jit::Stack* stack) {
  const c10::FunctionSchema& schema = handle.schema();
  const auto& arguments = schema.arguments();
  check_devices(schema, *stack, arguments.size());
  if (reads_values(schema, *stack, arguments.size())) count_read();
  for (size_t i = 0; i < arguments.size(); ++i) {
    const auto optional = arguments[i].type()->cast<c10::OptionalType>();
    if (!optional || optional->getElementType()->kind() != c10::TypeKind::GeneratorType) continue;
    c10::IValue& given = (*stack)[stack->size() - arguments.size() + i];
    given = of_cpu(given.isNone() ? default_generator() : given.toGenerator());
  }
  const InKernel in_kernel;
  for (size_t i = 0; i < arguments.size(); ++i) {
    c10::IValue& given = (*stack)[stack->size() - arguments.size() + i];
    if (given.isList() && !given.isTensorList()) given = on_cpu(given.toList());
  }
  at::native::cpu_fallback(handle, stack, /*error_on_views=*/true);
}

}  // namespace

InKernel::InKernel() { ++kernels_running; }
InKernel::~InKernel() { --kernels_running; }

int64_t host_reads() { return reads; }

void register_kernels() {
  static torch::Library fallbacks(torch::Library::IMPL, "_", c10::DispatchKey::PrivateUse1, __FILE__, __LINE__);
  fallbacks.fallback(torch::CppFunction::makeFromBoxedFunction<&fallback>());

  // Copies see to these bits; libtorch would copy to be rid of them.
  static torch::Library conjugate(torch::Library::IMPL, "aten", c10::DispatchKey::Conjugate, __FILE__, __LINE__);
  conjugate.impl("_copy_from", torch::CppFunction::makeFallthrough());
  static torch::Library negative(torch::Library::IMPL, "aten", c10::DispatchKey::Negative, __FILE__, __LINE__);
  negative.impl("_copy_from", torch::CppFunction::makeFallthrough());

  static torch::Library aten(torch::Library::IMPL, "aten", c10::DispatchKey::PrivateUse1, __FILE__, __LINE__);
  aten.impl("empty.memory_format", &empty);
  aten.impl("empty_strided", &empty_strided);
  aten.impl("resize_", &resize_);
  aten.impl("set_.source_Storage_storage_offset", &set_);
  aten.impl("set_.source_Storage", &at::native::set_);
  aten.impl("set_.source_Tensor", &at::native::set_tensor_);
  aten.impl("as_strided", &at::native::as_strided_tensorimpl);
  aten.impl("view", &at::native::view);
  aten.impl("_reshape_alias", &at::native::_reshape_alias);
  aten.impl("unfold", &at::native::unfold);
  aten.impl("view_as_real", &at::native::view_as_real);
  aten.impl("view_as_complex", &at::native::view_as_complex);
  aten.impl("_copy_from", &copy_from);
  aten.impl("_copy_from_and_resize", &copy_from_and_resize);
  aten.impl("_local_scalar_dense", &local_scalar_dense);
  aten.impl("convolution_overrideable", &convolution);
  aten.impl("convolution_backward_overrideable", &convolution_backward);
  // libtorch has these in parts too, which round otherwise or take other shapes; a GPU has kernels of its own as well.
  for (const char* name : {"native_layer_norm", "native_group_norm", "pixel_shuffle", "pixel_unshuffle",
                           "_validate_sparse_coo_tensor_args"}) {
    aten.impl(name, torch::CppFunction::makeFromBoxedFunction<&fallback>());
  }
  aten.impl("native_batch_norm", &native_batch_norm);
  aten.impl("_fused_sgd_", &fused_sgd_);
  aten.impl("_fused_dropout", &fused_dropout);
  aten.impl("_thnn_fused_lstm_cell", &lstm_cell);
  aten.impl("_thnn_fused_lstm_cell_backward_impl", &lstm_cell_backward);
  aten.impl("_thnn_fused_gru_cell", &gru_cell);
  aten.impl("_thnn_fused_gru_cell_backward", &gru_cell_backward);

  register_sparse_kernels();
}

}  // namespace continual::standin
