#include "binding/util/promise_worker.h"

namespace continual::binding {

void deliver(Environment& environment, Delivery* delivery) {
  const napi_status status = napi_call_threadsafe_function(environment.deliver, delivery, napi_tsfn_nonblocking);
  if (status != napi_ok) delete delivery;
}

void job_begins(Napi::Env env, JobKind kind, const Used& used) {
  Environment& environment = Environment::of(env);
  if (kind != JobKind::kPrediction) environment.team.job_begins();
  if (++environment.jobs_under_way == 1) napi_ref_threadsafe_function(env, environment.deliver);
  for (const auto& occupation : used) ++(kind == JobKind::kWork ? occupation->jobs() : occupation->readers());
  if (kind == JobKind::kWork && !used.empty()) ++environment.occupying_jobs;
}

void job_ends(Napi::Env env, JobKind kind, const Used& used) {
  Environment& environment = Environment::of(env);
  if (kind != JobKind::kPrediction) environment.team.job_ends();
  if (--environment.jobs_under_way == 0) napi_unref_threadsafe_function(env, environment.deliver);
  for (const auto& occupation : used) --(kind == JobKind::kWork ? occupation->jobs() : occupation->readers());
  if (kind == JobKind::kWork && !used.empty()) --environment.occupying_jobs;
}

}  // namespace continual::binding
