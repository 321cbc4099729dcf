#include "core/compute/threads.h"

#include <ATen/Parallel.h>

#include <exception>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"

// Found at run time in whichever OpenMP library and MKL libtorch brought; linking one would bring a second.
#if defined(__GNUC__)
extern "C" void omp_set_num_threads(int) __attribute__((weak));
extern "C" int omp_pause_resource_all(int) __attribute__((weak));
extern "C" int MKL_Set_Num_Threads_Local(int) __attribute__((weak));
#endif

namespace continual {
namespace {

/// Of the calling thread.
void use_threads(int threads) {
  // libtorch sets the number at its first look on each thread: it has to look before anybody else sets it.
  at::get_num_threads();
#if defined(__GNUC__)
  if (omp_set_num_threads) omp_set_num_threads(threads);
  // MKL prefers a number of its own (MKL_NUM_THREADS, `at::set_num_threads`) to OpenMP's.
  if (MKL_Set_Num_Threads_Local) MKL_Set_Num_Threads_Local(threads);
#else
  (void)threads;
#endif
}

/// Whether so many more threads can be started. Libraries that find out by themselves end the process, or wait for ever.
bool can_start(int count) {
  std::latch end(1);
  std::vector<std::thread> threads;
  threads.reserve(count);
  bool could = true;
  try {
    while (static_cast<int>(threads.size()) < count) threads.emplace_back([&end] { end.wait(); });
  } catch (const std::exception&) {
    could = false;
  }
  end.count_down();
  for (std::thread& thread : threads) thread.join();
  return could;
}

[[noreturn]] void too_many(const char* operation, int threads) {
  throw Error("ERR_INVALID_ARG_VALUE", std::string(operation) + ": expected as many threads as the system lets this " +
                                           "process start, got " + std::to_string(threads));
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
#if defined(__GNUC__)
  constexpr int kSoft = 1;
  if (omp_pause_resource_all) omp_pause_resource_all(kSoft);
#endif
  use_threads(1);
}

void join_team(int threads) {
  // GNU OpenMP lets a team change only when it next needs one.
  if (threads == 1) return leave_team();
  use_threads(threads);
}

int default_threads() { return at::get_num_threads(); }

void set_default_threads(int threads) {
  // A team for operators, and another pool, which libtorch starts now, for quantized ones.
  if (!can_start(2 * (threads - 1))) too_many("setNumThreads", threads);
  at::set_num_threads(threads);
}

int interop_threads() { return at::get_num_interop_threads(); }

void set_interop_threads(int threads) {
  if (!can_start(threads)) too_many("setNumInteropThreads", threads);
  try {
    at::set_num_interop_threads(threads);
  } catch (const std::exception&) {
    throw Error("ERR_CALL_ORDER",
                "setNumInteropThreads: expected one call in a process, before TorchScript forks anything, got a later one");
  }
}

}  // namespace continual
