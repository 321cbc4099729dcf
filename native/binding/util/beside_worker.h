// Work that waits for disks, beside training: a way to libuv's threads, and a promise for its result.
#pragma once

#include <optional>
#include <utility>

#include "binding/util/errors.h"

namespace continual::binding {

/// `work` runs on a thread of libuv's pool, and touches nothing of JavaScript nor of libtorch's thread team; `convert`
/// makes of its result what the promise resolves to.
template <typename Work, typename Convert>
Napi::Promise run_beside(Napi::Env env, Work work, Convert convert) {
  using Result = std::invoke_result_t<Work&>;

  class Worker final : public Napi::AsyncWorker {
   public:
    Worker(Napi::Env env, Work work, Convert convert)
        : Napi::AsyncWorker(env, "continual-torch"),
          deferred_(Napi::Promise::Deferred::New(env)),
          work_(std::move(work)),
          convert_(std::move(convert)) {}

    Napi::Promise promise() const { return deferred_.Promise(); }

    void Execute() override {
      try {
        result_.emplace(work_());
      } catch (...) {
        failure_ = describe(std::current_exception());
      }
    }

    void OnOK() override {
      try {
        if (failure_) throw to_javascript(Env(), *failure_);
        deferred_.Resolve(guarded(Env(), [&] { return convert_(Env(), std::move(*result_)); }));
      } catch (const Napi::Error& error) {
        deferred_.Reject(error.Value());
      }
    }

   private:
    Napi::Promise::Deferred deferred_;
    Work work_;
    Convert convert_;
    std::optional<Result> result_;
    std::optional<Failure> failure_;
  };

  auto* worker = new Worker(env, std::move(work), std::move(convert));
  const Napi::Promise promise = worker->promise();
  worker->Queue();  // deletes itself in the end
  return promise;
}

}  // namespace continual::binding
