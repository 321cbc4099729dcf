// Counts how often the host reads a value that an operator has computed.
#pragma once

#include <ATen/record_function.h>

#include <atomic>
#include <string_view>

#include "core/torch.h"

namespace continual::test {

/// Reads by any thread while it lives. On the CPU, too, where they are free: `item`, truth values, comparisons of whole
/// tensors, sizes that depend on values. Copies count that go from another device to the CPU. What the fused
/// optimizers' kernels of the CPU read of their step counts does not: other devices' kernels read them there.
class ReadCounter {
 public:
  ReadCounter() {
    reads_ = 0;
    handle_ = at::addGlobalCallback(at::RecordFunctionCallback(&ReadCounter::on_call, &ReadCounter::on_end)
                                        .needsInputs(true)
                                        .scopes({at::RecordScope::FUNCTION}));
  }
  ~ReadCounter() { at::removeCallback(handle_); }
  ReadCounter(const ReadCounter&) = delete;
  ReadCounter& operator=(const ReadCounter&) = delete;

  int64_t reads() const { return reads_; }

 private:
  static bool is_kernel(const at::RecordFunction& call) {
    return std::string_view(call.name()).starts_with("aten::_fused_");
  }

  static std::unique_ptr<at::ObserverContext> on_call(const at::RecordFunction& call) {
    const std::string_view name = call.name();
    if (is_kernel(call)) ++in_kernel_;
    if (in_kernel_ > 0) return nullptr;
    if (name == "aten::_local_scalar_dense" || name == "aten::equal" || name == "aten::nonzero" ||
        name == "aten::masked_select" || name == "aten::_unique2" || (name == "aten::copy_" && is_to_cpu(call))) {
      ++reads_;
    }
    return nullptr;
  }

  static void on_end(const at::RecordFunction& call, at::ObserverContext* /*context*/) {
    if (is_kernel(call)) --in_kernel_;
  }

  static bool is_to_cpu(const at::RecordFunction& call) {
    const auto inputs = call.inputs();
    return inputs.size() > 1 && inputs[0].isTensor() && inputs[1].isTensor() && inputs[0].toTensor().is_cpu() &&
           !inputs[1].toTensor().is_cpu();
  }

  static inline std::atomic<int64_t> reads_{0};
  static inline thread_local int in_kernel_ = 0;
  at::CallbackHandle handle_;
};

}  // namespace continual::test
