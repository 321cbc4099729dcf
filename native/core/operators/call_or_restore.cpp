#include "core/operators/call_or_restore.h"

namespace continual {
namespace {

/// Where a tensor's elements lie. libtorch sets new sizes before it has memory for them; where there is none, whoever
/// reads the tensor afterwards reads what is not there.
class Placement {
 public:
  explicit Placement(const at::Tensor& tensor)
      : tensor_(tensor),
        storage_(tensor.storage()),
        offset_(tensor.storage_offset()),
        sizes_(tensor.sizes().vec()),
        strides_(tensor.strides().vec()) {}

  void restore() const {
    at::TensorImpl* impl = tensor_.unsafeGetTensorImpl();
    impl->set_storage_keep_dtype(storage_);
    impl->set_storage_offset(offset_);
    impl->set_sizes_and_strides(sizes_, strides_);
  }

 private:
  at::Tensor tensor_;
  at::Storage storage_;
  int64_t offset_;
  std::vector<int64_t> sizes_, strides_;
};

}  // namespace

void call_or_restore(const c10::OperatorHandle& handle, torch::jit::Stack& stack) {
  const auto& arguments = handle.schema().arguments();
  std::vector<Placement> before;
  for (size_t i = 0; i < stack.size(); ++i) {
    const c10::AliasInfo* alias = arguments[i].alias_info();
    if (alias == nullptr || !alias->isWrite() || !stack[i].isTensor()) continue;
    const at::Tensor& tensor = stack[i].toTensor();
    if (tensor.defined() && tensor.layout() == at::kStrided && tensor.has_storage()) before.emplace_back(tensor);
  }
  if (handle.schema().name() == "aten::set_" && stack.size() > 1 && stack[1].isTensor()) {
    const auto expected = stack[0].toTensor().scalar_type();
    const auto got = stack[1].toTensor().scalar_type();
    TORCH_CHECK(expected == got, "expected a source of dtype ", expected, ", got ", got);
  }
  try {
    handle.callBoxed(stack);
  } catch (...) {
    for (const Placement& placement : before) placement.restore();
    throw;
  }
}

}  // namespace continual
