#include "core/compute/on_compute_thread.h"

#include <ATen/SequenceNumber.h>
#include <ATen/ThreadLocalState.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/jit/frontend/tracer.h>

#include <condition_variable>
#include <exception>
#include <mutex>

#include "core/torch.h"

namespace continual {
namespace {

/// Backward visits the nodes of a graph by numbers that each thread counts for itself: both must go on from the larger.
void count_up_to(uint64_t number) {
  while (at::sequence_number::peek() < number) at::sequence_number::get_and_increment();
}

}  // namespace

void run_with_team(ComputeThread& compute_thread, const std::function<void()>& work) {
  if (torch::jit::tracer::isTracing() || at::autocast::is_autocast_enabled(at::kCPU) || at::autocast::is_autocast_enabled(at::kCUDA)) {
    work();
    return;
  }
  std::mutex mutex;
  std::condition_variable done;
  bool is_done = false;
  std::exception_ptr error;
  uint64_t number = at::sequence_number::peek();
  compute_thread.submit([&, state = at::ThreadLocalState()] {
    {
      const at::ThreadLocalStateGuard as_on_the_calling_thread(state);
      count_up_to(number);
      try {
        work();
      } catch (...) {
        error = std::current_exception();
      }
      number = at::sequence_number::peek();
    }
    const std::lock_guard lock(mutex);
    is_done = true;
    done.notify_one();
  });
  std::unique_lock lock(mutex);
  done.wait(lock, [&] { return is_done; });
  count_up_to(number);
  if (error) std::rethrow_exception(error);
}

}  // namespace continual
