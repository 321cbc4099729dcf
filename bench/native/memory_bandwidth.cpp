// The speed of memory: one loop that reads three arrays and writes a fourth, as the penalty does with theta, theta*, Omega
// and its gradient, with libtorch's threads. Prints one JSON object: the median of the milliseconds of a call.
//
// On a GPU, which BENCH_DEVICE names, one kernel that reads three arrays and writes a fourth.
//
//     bench_memory_bandwidth CALLS ELEMENTS
#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "core/compute/parallel.h"

namespace {

void move_once(const float* __restrict a, const float* __restrict b, const float* __restrict c, float* __restrict d,
               int64_t count) {
  for (int64_t i = 0; i < count; ++i) d[i] = a[i] + b[i] + c[i];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const int64_t calls = std::stoll(argv[1]), elements = std::stoll(argv[2]);
  const char* named = std::getenv("BENCH_DEVICE");
  const at::Device device(named == nullptr ? "cpu" : named);
  const auto random = [&] { return at::rand({elements}, at::TensorOptions(device)); };
  const at::Tensor a = random(), b = random(), c = random();
  at::Tensor d = random();
  const auto *a_data = a.const_data_ptr<float>(), *b_data = b.const_data_ptr<float>(), *c_data = c.const_data_ptr<float>();
  auto* d_data = d.mutable_data_ptr<float>();
  std::vector<double> milliseconds;
  const int64_t warm_up = 3;
  for (int64_t call = -warm_up; call < calls; ++call) {
    const auto start = std::chrono::steady_clock::now();
    if (device.is_cuda()) {
      at::addcmul_out(d, a, b, c);
      d[0].item();  // once it has been written
    } else {
      continual::in_parallel(elements, /*grain_size=*/1, [&](int64_t begin, int64_t end) {
        move_once(a_data + begin, b_data + begin, c_data + begin, d_data + begin, end - begin);
      });
    }
    const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
    if (call >= 0) milliseconds.push_back(elapsed.count());
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  std::cout << "{\"milliseconds\":" << milliseconds[milliseconds.size() / 2] << "}\n";
}
