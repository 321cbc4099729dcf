#include "binding/environment_generators.h"

#include <atomic>

#include "binding/generator.h"

namespace continual::binding {
namespace {

std::shared_ptr<DefaultGenerators> generators_of_next_environment() {
  static std::atomic_flag are_taken = ATOMIC_FLAG_INIT;
  if (are_taken.test_and_set()) return std::make_shared<SeparateGenerators>();
  return std::make_shared<ProcessGenerators>();
}

}  // namespace

EnvironmentGenerators::EnvironmentGenerators(Napi::Env env) : env_(env), own_(generators_of_next_environment()) {}

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
