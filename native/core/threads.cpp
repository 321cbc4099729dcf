#include "core/threads.h"

#include <ATen/Parallel.h>

// Found at run time in whichever OpenMP library libtorch brought; linking one would bring a second.
#if defined(__GNUC__)
extern "C" void omp_set_num_threads(int) __attribute__((weak));
#endif

namespace continual {

void use_only_this_thread() {
  // libtorch sets the number of threads at its first look on each thread: let it look before.
  at::get_num_threads();
#if defined(__GNUC__)
  if (omp_set_num_threads) omp_set_num_threads(1);
#endif
}

}  // namespace continual
