// One way for work to go to the compute thread and for its result to come back as a promise.
//
// Rules: `work` runs on the compute thread and touches nothing of JavaScript (convert first, compute, convert back);
// `convert` runs on the JavaScript thread. Both are plain lambdas that own the core objects they use.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "binding/environment.h"
#include "binding/util/errors.h"
#include "binding/util/occupation.h"

namespace continual::binding {

/// A finished job on its way to the JavaScript thread.
class Delivery {
 public:
  virtual ~Delivery() = default;
  virtual void settle(Napi::Env env) = 0;
};

/// Hands a finished job to the JavaScript thread; deletes it where the environment is going away.
void deliver(Environment& environment, Delivery* delivery);

/// What a job works with.
using Used = std::vector<std::shared_ptr<Occupation>>;

enum class JobKind {
  kWork,        // on the compute thread; what it uses is changed
  kCopy,        // on the compute thread; what it uses is read
  kPrediction,  // on the thread for predictions; what it uses is read
};

/// Keeps the process alive while at least one job is under way, and marks as occupied what it uses.
void job_begins(Napi::Env env, JobKind kind, const Used& used);
void job_ends(Napi::Env env, JobKind kind, const Used& used);

/// Whether JavaScript still waits for a job when it ends.
class Meeting {
 public:
  /// On the JavaScript thread: true if the job has ended within `patience`; else calls `leave`, and it will be
  /// delivered.
  template <typename Leave>
  bool wait(std::chrono::microseconds patience, const Leave& leave) {
    std::unique_lock lock(mutex_);
    if (ended_.wait_for(lock, patience, [this] { return has_ended_; })) return true;
    has_left_ = true;
    leave();
    return false;
  }

  /// On the JavaScript thread, before the job: nobody will wait.
  void leave() { has_left_ = true; }

  /// On the compute thread: true if JavaScript is there to take the result.
  bool end() {
    bool is_awaited;
    {
      const std::lock_guard lock(mutex_);
      has_ended_ = true;
      is_awaited = !has_left_;
    }
    ended_.notify_one();
    return is_awaited;
  }

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  bool has_ended_ = false;
  bool has_left_ = false;
};

/// `used` is occupied until the promise settles. With `patience` this thread waits so long first, and returns what the
/// promise would resolve to, or throws, if the job has ended by then: the way over the event loop takes longer than a
/// small job.
template <typename Work, typename Convert>
Napi::Value run_job(Napi::Env env, JobKind kind, Used used, Work work, Convert convert,
                    std::chrono::microseconds patience = {}) {
  using Result = std::invoke_result_t<Work&>;

  class Job final : public Delivery {
   public:
    Job(JobKind kind, Used used, Work work, Convert convert)
        : kind_(kind), used_(std::move(used)), work_(std::move(work)), convert_(std::move(convert)) {}

    Napi::Promise promise(Napi::Env env) {
      deferred_.emplace(Napi::Promise::Deferred::New(env));
      return deferred_->Promise();
    }

    void run() {
      try {
        result_.emplace(work_());
      } catch (...) {
        failure_ = describe(std::current_exception());
      }
    }

    /// Throws what `work` has thrown.
    Napi::Value value(Napi::Env env) {
      job_ends(env, kind_, used_);
      if (failure_) throw to_javascript(env, *failure_);
      return guarded(env, [&] { return convert_(env, std::move(*result_)); });
    }

    void settle(Napi::Env env) override {
      // No promise could be made: whoever waited has got an error instead.
      if (!deferred_) return job_ends(env, kind_, used_);
      try {
        deferred_->Resolve(value(env));
      } catch (const Napi::Error& error) {
        deferred_->Reject(error.Value());
      }
    }

   private:
    std::optional<Napi::Promise::Deferred> deferred_;
    JobKind kind_;
    Used used_;
    Work work_;
    Convert convert_;
    std::optional<Result> result_;
    std::optional<Failure> failure_;
  };

  Environment& environment = Environment::of(env);
  ComputeThread& thread = kind == JobKind::kPrediction ? environment.predicting() : environment.computing();
  job_begins(env, kind, used);
  const auto meeting = std::make_shared<Meeting>();
  const auto job = std::make_shared<std::unique_ptr<Job>>(
      std::make_unique<Job>(kind, std::move(used), std::move(work), std::move(convert)));
  Napi::Value promise;
  const auto leave = [&] { promise = (*job)->promise(env); };
  if (patience.count() == 0) {
    leave();
    meeting->leave();
  }
  std::shared_ptr<DefaultGenerators> drawn_from =
      kind == JobKind::kPrediction ? environment.predictions_draw_from() : environment.generators->current();
  thread.submit([&environment, job, meeting, drawn_from = std::move(drawn_from)] {
    {
      const GeneratorsGuard guard(drawn_from);
      (*job)->run();
    }
    if (!meeting->end()) deliver(environment, job->release());
  });
  if (patience.count() == 0 || !meeting->wait(patience, leave)) return promise;
  // Here the job ends, also what it holds.
  const std::unique_ptr<Job> ended = std::move(*job);
  return ended->value(env);
}

/// Work that changes what it uses.
template <typename Work, typename Convert>
Napi::Value run_on_compute_thread(Napi::Env env, Used used, Work work, Convert convert,
                                  std::chrono::microseconds patience = {}) {
  return run_job(env, JobKind::kWork, std::move(used), std::move(work), std::move(convert), patience);
}

}  // namespace continual::binding
