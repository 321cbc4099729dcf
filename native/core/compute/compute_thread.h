// The one thread on which training, evaluation and importance passes run.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace continual {

/// Runs jobs one after the other, in the order of submission. A job must not throw: whoever submits it keeps its error.
/// Destroying the thread lets the running job reach its next look at `stopping()`, drops the jobs not yet begun, and
/// joins. Dropped jobs are destroyed on the destroying thread.
class ComputeThread {
 public:
  ComputeThread();
  ~ComputeThread();
  ComputeThread(const ComputeThread&) = delete;
  ComputeThread& operator=(const ComputeThread&) = delete;

  void submit(std::function<void()> job);

  /// Long jobs look at this between mini-batches and return early when it is set.
  const std::atomic<bool>& stopping() const { return stopping_; }

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  std::atomic<bool> stopping_{false};
  // Last member: the thread must not start before the others exist.
  std::thread thread_;
};

}  // namespace continual
