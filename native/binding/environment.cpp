#include "binding/environment.h"

#include "binding/promise_worker.h"
#include "core/error.h"
#include "core/small_blocks.h"
#include "core/threads.h"

namespace continual::binding {
namespace {

void settle_on_javascript_thread(napi_env env, napi_value, void*, void* data) {
  const std::unique_ptr<Delivery> delivery(static_cast<Delivery*>(data));
  // Without an environment the function is being torn down: the result has nobody to go to.
  if (env == nullptr) return;
  const Napi::HandleScope scope(env);
  delivery->settle(env);
}

}  // namespace

Environment::Environment(Napi::Env env) : env_(env), compute_thread_(std::make_unique<ComputeThread>()) {
  keep_small_blocks();
  // Operators on sparse tensors write where the indices say: those outside of the tensor are refused when one is made.
  at::globalContext().setCheckSparseTensorInvariants(true);
  use_only_this_thread();
  const Napi::String name = Napi::String::New(env, "continual-torch compute thread");
  const napi_status status =
      napi_create_threadsafe_function(env, nullptr, nullptr, name, /*max_queue_size=*/0, /*initial_thread_count=*/1,
                                      nullptr, nullptr, nullptr, settle_on_javascript_thread, &deliver);
  if (status != napi_ok) throw Napi::Error::New(env, "cannot create the way back from the compute thread");
  napi_unref_threadsafe_function(env, deliver);
  // Clean-up hooks run last in, first out: this one runs before that of the thread-safe function.
  napi_add_env_cleanup_hook(env, [](void* self) { static_cast<Environment*>(self)->end(); }, this);
  live_tensors->sweep_after_collections(env);
}

void Environment::end() {
  stop();
  live_tensors->end(env_);
}

ComputeThread& Environment::computing() {
  if (!compute_thread_) throw Error("ERR_ENDED", "expected a process that goes on, got one that is exiting");
  return *compute_thread_;
}

}  // namespace continual::binding
