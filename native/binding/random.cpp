#include "binding/random.h"

#include "binding/arguments.h"
#include "binding/errors.h"
#include "core/torch.h"

namespace continual::binding {
namespace {

/// Native: manualSeed(seed: bigint) -> void: libtorch's default generators, CPU and CUDA.
Napi::Value manual_seed(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    if (!info[0].IsBigInt()) wrong_argument("seed to be a bigint");
    bool lossless = false;
    torch::manual_seed(info[0].As<Napi::BigInt>().Uint64Value(&lossless));
    return info.Env().Undefined();
  });
}

}  // namespace

void define_random(Napi::Env env, Napi::Object exports) {
  exports.Set("manualSeed", Napi::Function::New(env, manual_seed, "manualSeed"));
}

}  // namespace continual::binding
