#include "binding/random.h"

#include "binding/arguments.h"
#include "binding/errors.h"
#include "core/torch.h"

namespace continual::binding {
namespace {

/// Native: manualSeed(seed: number) -> void: libtorch's default generators, CPU and CUDA.
Napi::Value manual_seed(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    torch::manual_seed(static_cast<uint64_t>(integer_argument(info[0], "seed")));
    return info.Env().Undefined();
  });
}

}  // namespace

void define_random(Napi::Env env, Napi::Object exports) {
  exports.Set("manualSeed", Napi::Function::New(env, manual_seed, "manualSeed"));
}

}  // namespace continual::binding
