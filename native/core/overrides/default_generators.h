// What operators draw from that were given no generator, on each thread.
//
// libtorch has one default generator for each device of a process. Here threads may have others: a kernel in front of
// every operator that takes a generator puts in the thread's where none was given. What draws without taking one
// (dropout, rand, the initial values of layers) comes to such an operator in the end.
#pragma once

#include <ATen/core/Generator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <memory>
#include <mutex>

#include "core/torch.h"

namespace continual {

/// libtorch hands it on with all else that it keeps for each thread: to what TorchScript forks, and to backward's
/// threads.
class DefaultGenerators : public c10::DebugInfoBase {
 public:
  /// Undefined: libtorch's own. May be called on any thread.
  virtual at::Generator of(const at::Device& device) = 0;
  virtual void seed(uint64_t seed) = 0;
};

/// libtorch's own generators.
class ProcessGenerators final : public DefaultGenerators {
 public:
  at::Generator of(const at::Device&) override { return {}; }
  void seed(uint64_t seed) override;
};

/// Generators apart from those, for the CPU and each GPU. As in a new process nobody can foresee what they draw before they are
/// seeded.
class SeparateGenerators final : public DefaultGenerators {
 public:
  SeparateGenerators();
  at::Generator of(const at::Device& device) override;
  void seed(uint64_t seed) override;

 private:
  at::Generator cpu_;
  std::mutex mutex_;  // of what follows
  std::vector<at::Generator> accelerators_;
  std::optional<uint64_t> seed_;
};

/// A generator on the CPU in place of another; those of other devices are `others`.
class ChosenGenerator final : public DefaultGenerators {
 public:
  ChosenGenerator(at::Generator cpu, std::shared_ptr<DefaultGenerators> others)
      : cpu_(std::move(cpu)), others_(std::move(others)) {}
  at::Generator of(const at::Device& device) override { return device.is_cpu() ? cpu_ : others_->of(device); }
  /// That generator alone.
  void seed(uint64_t seed) override;

 private:
  at::Generator cpu_;
  std::shared_ptr<DefaultGenerators> others_;
};

/// To be called before the first `GeneratorsGuard`, and before a second thread calls operators.
void let_threads_have_generators();

/// While one lives, operators on this thread draw from these.
class GeneratorsGuard {
 public:
  explicit GeneratorsGuard(std::shared_ptr<DefaultGenerators> generators);

 private:
  c10::DebugInfoGuard guard_;
};

/// The one that operators on this thread draw from.
at::Generator default_generator(const at::Device& device);

/// For kernels that are in front of an operator themselves.
void put_in_default(std::optional<at::Generator>& generator, const at::Tensor& tensor);

}  // namespace continual
