#include "core/compute/thread_team.h"

#include <utility>

#include "core/compute/on_compute_thread.h"
#include "core/compute/threads.h"
#include "core/error.h"

namespace continual {
namespace {

bool is_first_of_process() {
  static std::atomic_flag is_taken = ATOMIC_FLAG_INIT;
  return !is_taken.test_and_set();
}

}  // namespace

ThreadTeam::ThreadTeam() : may_be_here_(can_end_team() && is_first_of_process()), threads_(default_threads()) {
  place(may_be_here_);
}

ComputeThread& ThreadTeam::compute_thread() {
  if (!compute_thread_) throw Error("ERR_ENDED", "expected a process that goes on, got one that is exiting");
  return *compute_thread_;
}

void ThreadTeam::job_begins() {
  ++jobs_;
  large_calls_ = 0;
  if (is_here_) place(false);
}

bool ThreadTeam::sends(bool is_large) {
  constexpr int64_t kManyCalls = 200;
  called_large_ = called_large_ || is_large;
  if (!is_large || is_here_ || !compute_thread_ || jobs_ > 0) return false;
  if (!may_be_here_ || ++large_calls_ < kManyCalls) return true;
  place(true);
  return false;
}

bool ThreadTeam::sends_backward() {
  const bool is_sent = sends(called_large_);
  called_large_ = false;
  return is_sent;
}

void ThreadTeam::run_there(const std::function<void()>& work) { run_with_team(compute_thread(), work); }

void ThreadTeam::set_threads(int threads) {
  set_default_threads(threads);
  threads_ = threads;
  place(is_here_);
}

void ThreadTeam::place(bool here) {
  is_here_ = here;
  if (here) {
    if (compute_thread_) compute_thread_->submit(leave_team);
    join_team(threads_);
  } else {
    leave_team();
    if (compute_thread_) compute_thread_->submit([threads = threads_] { join_team(threads); });
  }
}

}  // namespace continual
