#include "binding/objects/generator.h"

#include <ATen/CPUGeneratorImpl.h>

#include "binding/functions/device.h"
#include "binding/objects/tensor.h"
#include "core/overrides/default_generators.h"

namespace continual::binding {
namespace {

at::Generator generator_on(const at::Device& device) {
  if (device.is_cpu()) return at::detail::createCPUGenerator(c10::default_rng_seed_val);
  at::Generator process = at::globalContext().defaultGenerator(device);
  const std::lock_guard lock(process.mutex());
  at::Generator generator = process.clone();
  generator.set_current_seed(c10::default_rng_seed_val);
  return generator;
}

/// What every function here takes first; one thread at a time draws from a generator.
template <typename Body>
Napi::Value with_generator(const Napi::CallbackInfo& info, const Body& body) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    at::Generator generator = GeneratorHandle::generator(info[0]);
    std::lock_guard lock(generator.mutex());
    return body(generator);
  });
}

/// Native: createGenerator(device: string) -> Generator, with libtorch's default seed.
Napi::Value create_generator(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const at::Device device = device_named(string_argument(info[0], "device"));
    return GeneratorHandle::wrap(info.Env(), generator_on(device));
  });
}

/// Native: defaultGenerator(device: string) -> Generator: the one that operators draw from where none is given.
Napi::Value default_generator(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const at::Device device = device_named(string_argument(info[0], "device"));
    return GeneratorHandle::wrap(info.Env(), continual::default_generator(device));
  });
}

/// Native: generatorSetSeed(generator: Generator, seed: bigint) -> void
Napi::Value generator_set_seed(const Napi::CallbackInfo& info) {
  return with_generator(info, [&](at::Generator& generator) {
    bool lossless = false;
    if (!info[1].IsBigInt()) wrong_argument("seed to be a bigint");
    generator.set_current_seed(info[1].As<Napi::BigInt>().Uint64Value(&lossless));
    return info.Env().Undefined();
  });
}

/// Native: generatorSeed(generator: Generator) -> bigint: draws a new seed and sets it.
Napi::Value generator_seed(const Napi::CallbackInfo& info) {
  return with_generator(info, [&](at::Generator& generator) {
    return Napi::BigInt::New(info.Env(), static_cast<uint64_t>(generator.seed()));
  });
}

/// Native: generatorInitialSeed(generator: Generator) -> bigint
Napi::Value generator_initial_seed(const Napi::CallbackInfo& info) {
  return with_generator(info, [&](at::Generator& generator) {
    return Napi::BigInt::New(info.Env(), static_cast<uint64_t>(generator.current_seed()));
  });
}

/// Native: generatorDevice(generator: Generator) -> string
Napi::Value generator_device(const Napi::CallbackInfo& info) {
  return with_generator(
      info, [&](at::Generator& generator) { return Napi::String::New(info.Env(), generator.device().str()); });
}

/// Native: generatorGetState(generator: Generator) -> Tensor: uint8, a copy.
Napi::Value generator_get_state(const Napi::CallbackInfo& info) {
  return with_generator(
      info, [&](at::Generator& generator) { return TensorHandle::wrap(info.Env(), generator.get_state()); });
}

/// Native: generatorSetState(generator: Generator, state: Tensor) -> void
Napi::Value generator_set_state(const Napi::CallbackInfo& info) {
  return with_generator(info, [&](at::Generator& generator) {
    generator.set_state(TensorHandle::tensor(info[1]));
    return info.Env().Undefined();
  });
}

}  // namespace

void GeneratorHandle::define(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  Environment::of(env).generator_class = Napi::Persistent(DefineClass(env, kName, {}));
  add("createGenerator", create_generator);
  add("defaultGenerator", default_generator);
  add("generatorSetSeed", generator_set_seed);
  add("generatorSeed", generator_seed);
  add("generatorInitialSeed", generator_initial_seed);
  add("generatorDevice", generator_device);
  add("generatorGetState", generator_get_state);
  add("generatorSetState", generator_set_state);
}

Napi::Value GeneratorHandle::wrap(Napi::Env env, at::Generator generator) {
  return make(Environment::of(env).generator_class, std::move(generator));
}

}  // namespace continual::binding
