#include "core/compute/parallel.h"

#include <ATen/EmptyTensor.h>
#include <ATen/Parallel.h>
#include <ATen/TensorIterator.h>

namespace continual {

void in_parallel(int64_t count, int64_t grain_size, c10::function_ref<void(int64_t begin, int64_t end)> body) {
  if (count <= 0) return;
  const auto rounded_up = [](int64_t number, int64_t divisor) { return (number + divisor - 1) / divisor; };
  const int64_t threads = at::in_parallel_region() ? 1 : at::get_num_threads();
  const int64_t stretches = std::min(rounded_up(count, std::max<int64_t>(grain_size, 1)), threads);
  if (stretches <= 1) return body(0, count);
  const int64_t length = rounded_up(count, stretches);
  // A byte stands for a stretch; its place says which.
  const at::Tensor marks = at::detail::empty_cpu({stretches}, at::TensorOptions(at::kByte));
  const char* first = static_cast<const char*>(marks.const_data_ptr());
  at::TensorIterator iterator = at::TensorIterator::borrowing_nullary_op(marks);
  const auto run = [&](char** data, const int64_t*, int64_t size, int64_t) {
    const int64_t stretch = data[0] - first;
    body(stretch * length, std::min((stretch + size) * length, count));
  };
  iterator.for_each(run, /*grain_size=*/1);
}

}  // namespace continual
