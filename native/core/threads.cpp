#include "core/threads.h"

#include <ATen/Parallel.h>

// Found at run time in whichever OpenMP library libtorch brought; linking one would bring a second.
#if defined(__GNUC__)
extern "C" void omp_set_num_threads(int) __attribute__((weak));
extern "C" int omp_pause_resource_all(int) __attribute__((weak));
#endif

namespace continual {
namespace {

/// libtorch sets the number of threads at its first look on each thread: it has to look before anybody else sets it.
int number_of_threads() {
  static const int threads = at::get_num_threads();
  at::get_num_threads();
  return threads;
}

}  // namespace

bool can_end_team() {
#if defined(__GNUC__)
  return omp_set_num_threads != nullptr && omp_pause_resource_all != nullptr;
#else
  return false;
#endif
}

void leave_team() {
  number_of_threads();
#if defined(__GNUC__)
  constexpr int kSoft = 1;
  if (omp_pause_resource_all) omp_pause_resource_all(kSoft);
  if (omp_set_num_threads) omp_set_num_threads(1);
#endif
}

void join_team() {
  const int threads = number_of_threads();
#if defined(__GNUC__)
  if (omp_set_num_threads) omp_set_num_threads(threads);
#else
  (void)threads;
#endif
}

}  // namespace continual
