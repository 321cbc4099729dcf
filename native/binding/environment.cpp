#include "binding/environment.h"

#include <ATen/Context.h>

#include "binding/util/promise_worker.h"
#include "core/compute/threads.h"
#include "core/overrides/install_overrides.h"

namespace continual::binding {
namespace {

void settle_on_javascript_thread(napi_env env, napi_value, void*, void* data) {
  const std::unique_ptr<Delivery> delivery(static_cast<Delivery*>(data));
  // Without an environment the function is being torn down: the result has nobody to go to.
  if (env == nullptr) return;
  try {
    const Napi::HandleScope scope(env);
    delivery->settle(env);
  } catch (const Napi::Error&) {
    // Nor does a worker that is being terminated take results.
  }
}

}  // namespace

Environment::Environment(Napi::Env env) : env_(env) {
  install_overrides();
  generators = std::make_shared<EnvironmentGenerators>(env);
  drawing_here_.emplace(generators);
  // Without it libtorch believes the indices of sparse tensors, and reads and writes where they point.
  at::globalContext().setCheckSparseTensorInvariants(true);
  const Napi::String name = Napi::String::New(env, "continual-torch compute thread");
  const napi_status status =
      napi_create_threadsafe_function(env, nullptr, nullptr, name, /*max_queue_size=*/0, /*initial_thread_count=*/1,
                                      nullptr, nullptr, nullptr, settle_on_javascript_thread, &deliver);
  if (status != napi_ok) throw Napi::Error::New(env, "cannot create the way back from the compute thread");
  napi_unref_threadsafe_function(env, deliver);
  // Clean-up hooks run last in, first out: this one runs before that of the thread-safe function.
  napi_add_env_cleanup_hook(
      env, [](void* self) { static_cast<Environment*>(self)->end(); }, this);
  live_tensors->sweep_after_collections(env);
}

ComputeThread& Environment::predicting() {
  computing();
  if (!predicting_) {
    predictions_draw_from_ = std::make_shared<SeparateGenerators>();
    predicting_ = std::make_unique<ComputeThread>();
    predicting_->submit(leave_team);
  }
  return *predicting_;
}

void Environment::stop() {
  team.stop();
  predicting_.reset();
}

void Environment::end() {
  stop();
  live_tensors->end(env_);
  drawing_here_.reset();
  generators->end();
}

}  // namespace continual::binding
