// One way for work to go to the compute thread and for its result to come back as a promise.
//
// Rules: `work` runs on the compute thread and touches nothing of JavaScript (convert first, compute, convert back);
// `convert` runs on the JavaScript thread. Both are plain lambdas that own the core objects they use.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "binding/environment.h"
#include "binding/errors.h"
#include "binding/shared.h"

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

/// Keeps the process alive while at least one job is under way, and marks as occupied what it uses.
void job_begins(Napi::Env env, const Used& used);
void job_ends(Napi::Env env, const Used& used);

/// `used` is occupied until the promise settles.
template <typename Work, typename Convert>
Napi::Promise run_on_compute_thread(Napi::Env env, Used used, Work work, Convert convert) {
  using Result = std::invoke_result_t<Work&>;

  class Job final : public Delivery {
   public:
    Job(Napi::Env env, Used used, Work work, Convert convert)
        : deferred_(Napi::Promise::Deferred::New(env)),
          used_(std::move(used)),
          work_(std::move(work)),
          convert_(std::move(convert)) {}

    Napi::Promise promise() const { return deferred_.Promise(); }

    void run() {
      try {
        result_.emplace(work_());
      } catch (...) {
        failure_ = describe(std::current_exception());
      }
    }

    void settle(Napi::Env env) override {
      job_ends(env, used_);
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
    Used used_;
    Work work_;
    Convert convert_;
    std::optional<Result> result_;
    std::optional<Failure> failure_;
  };

  Environment& environment = Environment::of(env);
  ComputeThread& compute_thread = environment.computing();
  job_begins(env, used);
  auto job = std::make_shared<std::unique_ptr<Job>>(
      std::make_unique<Job>(env, std::move(used), std::move(work), std::move(convert)));
  const Napi::Promise promise = (*job)->promise();
  compute_thread.submit([&environment, job] {
    (*job)->run();
    deliver(environment, job->release());
  });
  return promise;
}

}  // namespace continual::binding
