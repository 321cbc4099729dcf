// Two threads that compute, one that calls operators and a compute thread, and libtorch's thread team, which one of
// them has at a time: where work goes that is worth it.
#pragma once

#include <functional>
#include <memory>

#include "core/compute/compute_thread.h"

namespace continual {

/// Belongs to the thread that makes it, and is used there. In a process the first one gives its own thread the team, as
/// long as there are no jobs; a job takes it to the compute thread, where it stays until so many large calls have come
/// without another job that their way to it is no longer worth it. Of every other one, and where a team cannot be
/// handed over, the compute thread alone has a team.
class ThreadTeam {
 public:
  ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  /// Throws ERR_ENDED once it has been stopped.
  ComputeThread& compute_thread();
  /// Lets the running job reach its next look at `stopping()` and ends the compute thread.
  void stop() { compute_thread_.reset(); }

  /// Around each job for the compute thread, from before its submission to its end.
  void job_begins();
  void job_ends() { --jobs_; }
  int64_t jobs_under_way() const { return jobs_; }

  /// Whether the work that is called now is to run by `run_there`: where the team is the compute thread's, that is
  /// worth the way and no job is under way. Else it runs on this thread, with its team or alone. To be asked once for
  /// each.
  bool sends(bool is_large);
  /// The same of a backward pass, which has about as much to do as what was called since the last one.
  bool sends_backward();

  /// Runs `work` on the compute thread before it returns, as if on this one; throws what it throws.
  void run_there(const std::function<void()>& work);

  /// How many threads an operator may run on: the one that has the team, and the team.
  int threads() const { return threads_; }
  /// For calls and jobs from now on, and where others begin. Throws ERR_INVALID_ARG_VALUE where so many cannot be
  /// started.
  void set_threads(int threads);

 private:
  /// On this thread, or on the compute thread once that has done what it was given before.
  void place(bool here);

  bool may_be_here_;
  bool is_here_ = false;
  int threads_;
  int64_t jobs_ = 0;
  int64_t large_calls_ = 0;    // since the last job
  bool called_large_ = false;  // since the last backward pass
  std::unique_ptr<ComputeThread> compute_thread_ = std::make_unique<ComputeThread>();
};

}  // namespace continual
