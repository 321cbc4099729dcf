// What operators draw from in one JavaScript environment where they are given no generator.
#pragma once

#include <optional>
#include <thread>

#include "binding/util/napi_setup.h"
#include "core/overrides/default_generators.h"

namespace continual::binding {

/// On the JavaScript thread: what JavaScript says for the call under way, else the environment's own. The first
/// environment of a process has libtorch's generators, every other its own ones.
///
/// Made, and told of the environment's end, on the JavaScript thread. Other threads may ask and hold it: what
/// TorchScript forks there gets the environment's own.
class EnvironmentGenerators final : public DefaultGenerators {
 public:
  explicit EnvironmentGenerators(Napi::Env env);

  at::Generator of(const at::Device& device) override;
  void seed(uint64_t seed) override;

  /// For work on another thread. On the JavaScript thread.
  std::shared_ptr<DefaultGenerators> current() const;
  /// `lookup` says which generator the call under way draws from; what is no generator: the environment's own.
  void set_lookup(const Napi::Function& lookup) { lookup_ = Napi::Persistent(lookup); }
  void end() { lookup_.Reset(); }

 private:
  bool is_here() const { return std::this_thread::get_id() == thread_; }

  Napi::Env env_;
  std::thread::id thread_ = std::this_thread::get_id();
  std::shared_ptr<DefaultGenerators> own_;
  Napi::FunctionReference lookup_;
};

}  // namespace continual::binding
