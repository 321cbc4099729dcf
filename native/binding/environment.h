// What belongs to one JavaScript environment (the main thread or one worker), and nothing else.
#pragma once

#include <memory>
#include <optional>

#include "binding/environment_generators.h"
#include "binding/objects/live_tensors.h"
#include "binding/util/napi_setup.h"
#include "core/compute/thread_team.h"

namespace continual::binding {

/// Lives from the addon's start in an environment to the environment's end, on that environment's thread. A clean-up
/// hook joins the threads of its jobs while the environment can still take what its last job delivers. `process.exit`
/// runs no clean-up hooks: there the exit event stops the threads, before libtorch's static objects go away under a
/// running job.
struct Environment {
  explicit Environment(Napi::Env env);

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  /// The compute thread. Throws ERR_ENDED once it has been stopped.
  ComputeThread& computing() { return team.compute_thread(); }
  /// The thread for predictions, alone without a team: behind a job of training they would wait too long. Made when it
  /// is first asked for. Throws ERR_ENDED as `computing`.
  ComputeThread& predicting();
  /// What a model draws in eval mode on that thread is apart from what training draws, which would be another each
  /// time.
  const std::shared_ptr<DefaultGenerators>& predictions_draw_from() const { return predictions_draw_from_; }
  /// Lets running jobs reach their next look at `stopping()`, and ends both threads.
  void stop();
  /// Runs `work` before it returns, on this thread or where `team` sends it.
  template <typename Work>
  void run(bool is_large, const Work& work) {
    run_where(team.sends(is_large), work);
  }
  /// The same of a backward pass.
  template <typename Work>
  void run_backward(const Work& work) {
    run_where(team.sends_backward(), work);
  }

  /// Brings finished jobs back to this environment's thread. Keeps the process alive only while jobs are under way.
  napi_threadsafe_function deliver = nullptr;
  int64_t jobs_under_way = 0;
  /// Jobs under way that work with a model: parameters and gradients may move meanwhile.
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
  Napi::FunctionReference snapshot_class;
  Napi::FunctionReference training_step_class;
  /// The usual result of a job on one iteration, made once: hooks have a job made for each phase.
  Napi::ObjectReference one_iteration;

  /// What the functions that call operators refer to.
  std::vector<std::shared_ptr<void>> operators;

  /// Where operators that make tensors of nothing put them; empty: libtorch's own default, the CPU.
  std::optional<at::Device> default_device;

  std::shared_ptr<EnvironmentGenerators> generators;

  std::shared_ptr<LiveTensors> live_tensors = std::make_shared<LiveTensors>();

  /// Of this thread and the compute thread. Behind what jobs refer to.
  ThreadTeam team;

 private:
  void end();
  template <typename Work>
  void run_where(bool is_sent, const Work& work) {
    if (!is_sent) return work();
    team.run_there([&work, drawn_from = generators->current()] {
      const GeneratorsGuard guard(drawn_from);
      work();
    });
  }

  Napi::Env env_;
  std::optional<GeneratorsGuard> drawing_here_;
  std::shared_ptr<DefaultGenerators> predictions_draw_from_;
  std::unique_ptr<ComputeThread> predicting_;
};

}  // namespace continual::binding
