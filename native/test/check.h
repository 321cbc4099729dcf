// What the tests of the C++ core share.
#pragma once

#include <ATen/Parallel.h>

#include <cstdio>

#include "core/models/script_module.h"

namespace continual::test {

inline int failures = 0;

#define EXPECT(condition)                                                          \
  do {                                                                             \
    if (!(condition)) {                                                            \
      std::fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
      ++continual::test::failures;                                                 \
    }                                                                              \
  } while (false)

/// Sets the number of threads of libtorch's team for as long as it lives.
class NumThreads {
 public:
  explicit NumThreads(int count) : before_(at::get_num_threads()) { at::set_num_threads(count); }
  ~NumThreads() { at::set_num_threads(before_); }
  NumThreads(const NumThreads&) = delete;
  NumThreads& operator=(const NumThreads&) = delete;

 private:
  int before_;
};

inline torch::jit::Module linear(int64_t in_features, int64_t out_features) {
  const torch::nn::Linear initial(in_features, out_features);
  return compose("Linear", {.parameters = {{"weight", initial->weight}, {"bias", initial->bias}}},
                 "def forward(self, input: Tensor) -> Tensor:\n"
                 "  return torch.linear(input, self.weight, self.bias)\n");
}

template <typename Call>
bool is_refused(const Call& call) {
  try {
    call();
    return false;
  } catch (const c10::Error&) {
    return true;
  }
}

void default_generators();
void minibatches();
void products();
void parallel();
void thread_team();
void kept_blocks();
void held_memory();
void checksums();
void files();
/// @param on the CPU stands for a device
void device_reads(const at::Device& on);

}  // namespace continual::test
