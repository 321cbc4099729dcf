// One way for work to go to the compute thread and for its result to come back as a promise.
//
// Rules: `work` runs on the compute thread and touches nothing of JavaScript (convert first, compute, convert back);
// `convert` runs on the JavaScript thread. Both are plain lambdas that own the core objects they use.
#pragma once

#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include "binding/environment.h"
#include "binding/errors.h"

namespace continual::binding {

/// A finished job on its way to the JavaScript thread.
class Delivery {
 public:
  virtual ~Delivery() = default;
  virtual void settle(Napi::Env env) = 0;
};

/// Hands a finished job to the JavaScript thread; deletes it where the environment is going away.
void deliver(Environment& environment, Delivery* delivery);

/// Keeps the process alive while at least one job is under way.
void job_begins(Napi::Env env);
void job_ends(Napi::Env env);

/// `ended`, if given, runs on the JavaScript thread before the promise settles, whether the work failed or not.
template <typename Work, typename Convert>
Napi::Promise run_on_compute_thread(Napi::Env env, Work work, Convert convert, std::function<void()> ended = {}) {
  using Result = std::invoke_result_t<Work&>;

  class Job final : public Delivery {
   public:
    Job(Napi::Env env, Work work, Convert convert, std::function<void()> ended)
        : deferred_(Napi::Promise::Deferred::New(env)),
          work_(std::move(work)),
          convert_(std::move(convert)),
          ended_(std::move(ended)) {}

    Napi::Promise promise() const { return deferred_.Promise(); }

    void run() {
      try {
        result_.emplace(work_());
      } catch (...) {
        failure_ = describe(std::current_exception());
      }
    }

    void settle(Napi::Env env) override {
      job_ends(env);
      if (ended_) ended_();
      if (failure_) {
        deferred_.Reject(to_javascript(env, *failure_).Value());
        return;
      }
      try {
        deferred_.Resolve(guarded(env, [&] { return convert_(env, std::move(*result_)); }));
      } catch (const Napi::Error& error) {
        deferred_.Reject(error.Value());
      }
    }

   private:
    Napi::Promise::Deferred deferred_;
    Work work_;
    Convert convert_;
    std::function<void()> ended_;
    std::optional<Result> result_;
    std::optional<Failure> failure_;
  };

  Environment& environment = Environment::of(env);
  ComputeThread& compute_thread = environment.computing();
  auto job = std::make_shared<std::unique_ptr<Job>>(
      std::make_unique<Job>(env, std::move(work), std::move(convert), std::move(ended)));
  const Napi::Promise promise = (*job)->promise();
  job_begins(env);
  compute_thread.submit([&environment, job] {
    (*job)->run();
    deliver(environment, job->release());
  });
  return promise;
}

}  // namespace continual::binding
