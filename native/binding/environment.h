// What belongs to one JavaScript environment (the main thread or one worker), and nothing else.
#pragma once

#include <atomic>
#include <memory>

#include "binding/napi_setup.h"
#include "core/compute_thread.h"

namespace continual::binding {

/// Tensor handles that JavaScript holds and has not disposed. Shared by the handles: when an environment ends they are
/// finalised in no fixed order with the rest.
struct LiveTensors {
  int64_t count = 0;
  int64_t bytes = 0;
};

/// Lives from the addon's start in an environment to the environment's end, on that environment's thread. The compute
/// thread is joined by a clean-up hook, while the environment can still take what its last job delivers.
struct Environment {
  explicit Environment(Napi::Env env);

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  std::unique_ptr<ComputeThread> compute_thread;
  /// Brings finished jobs back to this environment's thread. Keeps the process alive only while jobs are under way.
  napi_threadsafe_function deliver = nullptr;
  int64_t jobs_under_way = 0;

  /// JavaScript's ContinualTorchError, given by `setErrorClass`.
  Napi::FunctionReference error_class;
  Napi::FunctionReference tensor_class;
  Napi::FunctionReference module_class;
  Napi::FunctionReference mas_class;
  Napi::FunctionReference optimizer_class;
  Napi::FunctionReference dataset_class;
  Napi::FunctionReference training_step_class;

  std::shared_ptr<LiveTensors> live_tensors = std::make_shared<LiveTensors>();
};

}  // namespace continual::binding
