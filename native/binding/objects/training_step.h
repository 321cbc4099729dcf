#pragma once

#include "binding/objects/module.h"
#include "binding/objects/optimizer.h"
#include "binding/util/promise_worker.h"
#include "binding/util/wrapped.h"
#include "core/training/training_step.h"

namespace continual::binding {

/// A call of `train` or `eval` under way, and who held before it what it holds.
struct Hold {
  int64_t call;
  std::vector<int64_t> hosts;  // calls that wait for this one
  std::vector<std::pair<std::shared_ptr<Occupation>, int64_t>> before = {};

  /// Throws ERR_BUSY where a call that does not wait for this one holds it.
  void take(const std::shared_ptr<Occupation>& occupation, const std::string& operation);
};

/// A strategy's step with the objects that its jobs use.
struct SharedStep {
  std::shared_ptr<Shared<TrainingStep>> step;
  std::shared_ptr<Shared<Model>> model;
  std::shared_ptr<Shared<Optimizer>> optimizer;
  std::vector<Hold> holds = {};
};

class TrainingStepHandle : public Wrapped<TrainingStepHandle, SharedStep> {
 public:
  static constexpr const char* kName = "TrainingStep";

  static void define(Napi::Env env, Napi::Object exports);

  explicit TrainingStepHandle(const Napi::CallbackInfo& info) : Wrapped(info) {}

 private:
  TrainingStep& idle() const;
  void end_hold();
  template <typename Work>
  Napi::Value submit(Napi::Env env, Used used, Work work, std::chrono::microseconds patience = {});

  Napi::Value hold(const Napi::CallbackInfo& info);
  Napi::Value release(const Napi::CallbackInfo& info);
  Napi::Value set_model(const Napi::CallbackInfo& info);
  Napi::Value set_optimizer(const Napi::CallbackInfo& info);
  Napi::Value set_criterion(const Napi::CallbackInfo& info);
  Napi::Value knows_optimizer(const Napi::CallbackInfo& info);
  Napi::Value update_optimizer(const Napi::CallbackInfo& info);
  Napi::Value lay_out(const Napi::CallbackInfo& info);
  Napi::Value open(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  Napi::Value passes(const Napi::CallbackInfo& info);
  Napi::Value load(const Napi::CallbackInfo& info);
  Napi::Value set_batch(const Napi::CallbackInfo& info);
  Napi::Value check_loss(const Napi::CallbackInfo& info);
  Napi::Value run(const Napi::CallbackInfo& info);
  Napi::Value clear(const Napi::CallbackInfo& info);
  Napi::Value get(const Napi::CallbackInfo& info);
  Napi::Value set(const Napi::CallbackInfo& info);
  Napi::Value statistics(const Napi::CallbackInfo& info);
  Napi::Value set_statistics(const Napi::CallbackInfo& info);
  Napi::Value pack(const Napi::CallbackInfo& info);
};

}  // namespace continual::binding
