#include "binding/environment_generators.h"

#include <atomic>

#include "binding/objects/generator.h"

namespace continual::binding {
namespace {

std::shared_ptr<DefaultGenerators> generators_of_process_or_own() {
  static std::atomic_flag are_taken = ATOMIC_FLAG_INIT;
  if (are_taken.test_and_set()) return std::make_shared<SeparateGenerators>();
  return std::make_shared<ProcessGenerators>();
}

/// A program that has cleared its cache of modules loads the addon again, on the same thread: it goes on with the same.
std::shared_ptr<DefaultGenerators> generators_of_thread() {
  static thread_local std::weak_ptr<DefaultGenerators> latest;
  std::shared_ptr<DefaultGenerators> generators = latest.lock();
  if (!generators) latest = generators = generators_of_process_or_own();
  return generators;
}

}  // namespace

EnvironmentGenerators::EnvironmentGenerators(Napi::Env env) : env_(env), own_(generators_of_thread()) {}

std::shared_ptr<DefaultGenerators> EnvironmentGenerators::current() const {
  if (lookup_.IsEmpty()) return own_;
  try {
    const Napi::HandleScope scope(env_);
    const Napi::Value found = lookup_.Call({});
    if (GeneratorHandle::is(found)) return std::make_shared<ChosenGenerator>(GeneratorHandle::generator(found), own_);
  } catch (const Napi::Error&) {
    // A worker that is being terminated calls no functions.
  }
  return own_;
}

at::Generator EnvironmentGenerators::of(const at::Device& device) { return (is_here() ? current() : own_)->of(device); }

void EnvironmentGenerators::seed(uint64_t seed) { (is_here() ? current() : own_)->seed(seed); }

}  // namespace continual::binding
