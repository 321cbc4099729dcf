// What belongs to one JavaScript environment (the main thread or one worker), and nothing else.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "binding/environment_generators.h"
#include "binding/objects/live_tensors.h"
#include "binding/util/napi_setup.h"
#include "core/compute/compute_thread.h"
#include "core/compute/on_compute_thread.h"

namespace continual::binding {

/// Lives from the addon's start in an environment to the environment's end, on that environment's thread. A clean-up
/// hook joins the compute thread while the environment can still take what its last job delivers. `process.exit` runs
/// no clean-up hooks: there the exit event calls `stop`, before libtorch's static objects go away under a running job.
struct Environment {
  explicit Environment(Napi::Env env);

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  /// The compute thread. Throws ERR_ENDED once it has been stopped.
  ComputeThread& computing();
  /// Runs `work` before it returns, on this thread with its OpenMP team, or where the team is the compute thread's: there
  /// if that is worth the way and no job is under way, else on this thread alone.
  template <typename Work>
  void run(bool is_large, const Work& work) {
    ran_large_work = ran_large_work || is_large;
    if (is_large && !has_team_ && compute_thread_ && jobs_under_way == 0 && !takes_team()) {
      run_with_team(*compute_thread_, [&work, drawn_from = generators->current()] {
        const GeneratorsGuard guard(drawn_from);
        work();
      });
    } else {
      work();
    }
  }
  /// Before a job: the team is the compute thread's.
  void give_team();
  /// How many threads an operator may run on: the thread that has the team, and the team.
  int threads() const { return threads_; }
  /// For operators called from now on and jobs begun from now on, and where other environments begin. Throws
  /// ERR_INVALID_ARG_VALUE where so many cannot be started.
  void set_threads(int threads);
  /// Since the last backward pass, which will then have as much to do.
  bool ran_large_work = false;
  /// Lets the running job reach its next mini-batch and ends the thread.
  void stop() { compute_thread_.reset(); }

  /// Brings finished jobs back to this environment's thread. Keeps the process alive only while jobs are under way.
  napi_threadsafe_function deliver = nullptr;
  int64_t jobs_under_way = 0;
  /// Those among them that work with a model: parameters and gradients may move meanwhile.
  int64_t occupying_jobs = 0;

  /// JavaScript's ContinualTorchError, given by `setErrorClass`.
  Napi::FunctionReference error_class;
  bool is_making_error = false;
  Napi::FunctionReference generator_class;
  Napi::FunctionReference module_class;
  Napi::FunctionReference plugin_phase_class;
  Napi::FunctionReference quadratic_penalty_class;
  Napi::FunctionReference optimizer_class;
  Napi::FunctionReference dataset_class;
  Napi::FunctionReference mini_batches_class;
  Napi::FunctionReference training_step_class;
  /// The usual result of a job on one iteration, made once: hooks have a job made for each phase.
  Napi::ObjectReference one_iteration;

  /// What the functions that call operators refer to.
  std::vector<std::shared_ptr<void>> operators;

  /// Where operators that make tensors of nothing put them; empty: libtorch's own default, the CPU.
  std::optional<at::Device> default_device;

  std::shared_ptr<EnvironmentGenerators> generators;

  std::shared_ptr<LiveTensors> live_tensors = std::make_shared<LiveTensors>();

 private:
  void end();
  /// Takes the team back after many large calls with no job between them.
  bool takes_team();
  /// On this thread, or on the compute thread once that has done what it was given before.
  void place_team(bool here);

  bool may_have_team_ = false;  // the first environment of the process, where the team can be handed over
  bool has_team_ = false;
  int threads_ = 1;
  int64_t large_calls_ = 0;  // since the last job
  Napi::Env env_;
  std::optional<GeneratorsGuard> drawing_here_;
  std::unique_ptr<ComputeThread> compute_thread_;
};

}  // namespace continual::binding
