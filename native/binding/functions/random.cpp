#include "binding/functions/random.h"

#include "binding/environment.h"
#include "binding/util/arguments.h"
#include "binding/util/errors.h"

namespace continual::binding {
namespace {

/// Native: manualSeed(seed: bigint) -> void: what operators of this environment draw from now, CPU and CUDA.
Napi::Value manual_seed(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    if (!info[0].IsBigInt()) wrong_argument("seed to be a bigint");
    bool lossless = false;
    Environment::of(info.Env()).generators->seed(info[0].As<Napi::BigInt>().Uint64Value(&lossless));
    return info.Env().Undefined();
  });
}

/// Native: setGeneratorLookup(lookup: () => Generator | undefined) -> void: says what the call under way draws from in
/// place of the environment's default generator of the CPU.
Napi::Value set_generator_lookup(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    if (!info[0].IsFunction()) wrong_argument("lookup to be a function");
    Environment::of(info.Env()).generators->set_lookup(info[0].As<Napi::Function>());
    return info.Env().Undefined();
  });
}

}  // namespace

void define_random(Napi::Env env, Napi::Object exports) {
  exports.Set("manualSeed", Napi::Function::New(env, manual_seed, "manualSeed"));
  exports.Set("setGeneratorLookup", Napi::Function::New(env, set_generator_lookup, "setGeneratorLookup"));
}

}  // namespace continual::binding
