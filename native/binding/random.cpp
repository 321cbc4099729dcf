#include "binding/random.h"

#include "binding/arguments.h"
#include "binding/errors.h"
#include "binding/tensor.h"
#include "core/random.h"

namespace continual::binding {
namespace {

/// Native: manualSeed(seed: number) -> void: libtorch's default generators, CPU and CUDA.
Napi::Value manual_seed(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    torch::manual_seed(static_cast<uint64_t>(integer_argument(info[0], "seed")));
    return info.Env().Undefined();
  });
}

/// Native: numpyPermutations(seed: number, n: number, count: number) -> Tensor[], int64 [n] each
Napi::Value numpy_permutations_of(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const auto permutations = numpy_permutations(static_cast<uint32_t>(integer_argument(info[0], "seed")),
                                                 integer_argument(info[1], "n"), integer_argument(info[2], "count"));
    Napi::Array result = Napi::Array::New(env, permutations.size());
    for (uint32_t i = 0; i < permutations.size(); ++i) {
      result.Set(i, TensorHandle::wrap(env, at::tensor(permutations[i], at::kLong)));
    }
    return result;
  });
}

}  // namespace

void define_random(Napi::Env env, Napi::Object exports) {
  exports.Set("manualSeed", Napi::Function::New(env, manual_seed, "manualSeed"));
  exports.Set("numpyPermutations", Napi::Function::New(env, numpy_permutations_of, "numpyPermutations"));
}

}  // namespace continual::binding
