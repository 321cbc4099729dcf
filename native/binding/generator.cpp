#include "binding/generator.h"

#include <ATen/CPUGeneratorImpl.h>

#include "binding/arguments.h"
#include "binding/device.h"
#include "binding/errors.h"
#include "binding/tensor.h"
#include "core/default_generators.h"

namespace continual::binding {
namespace {

struct HeldGenerator {
  static constexpr uint64_t kMark = 0x6c1f0f7c5b0e4a12;
  /// Tells our externals from those of other addons, and from tensors.
  uint64_t mark = kMark;
  at::Generator generator;
};

HeldGenerator* held_generator(const Napi::Value& value) {
  if (value.IsEmpty() || value.Type() != napi_external) return nullptr;
  auto* held = value.As<Napi::External<HeldGenerator>>().Data();
  return held != nullptr && held->mark == HeldGenerator::kMark ? held : nullptr;
}

Napi::Value hold(Napi::Env env, at::Generator generator) {
  auto held = std::make_unique<HeldGenerator>();
  held->generator = std::move(generator);
  return Napi::External<HeldGenerator>::New(env, held.release(), [](Napi::Env, HeldGenerator* gone) { delete gone; });
}

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
    return hold(info.Env(), generator_on(device));
  });
}

/// Native: defaultGenerator(device: string) -> Generator: the one that operators draw from where none is given.
Napi::Value default_generator(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return hold(info.Env(), continual::default_generator(device_named(string_argument(info[0], "device"))));
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
  return with_generator(info, [&](at::Generator& generator) {
    return Napi::String::New(info.Env(), generator.device().str());
  });
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
  add("createGenerator", create_generator);
  add("defaultGenerator", default_generator);
  add("generatorSetSeed", generator_set_seed);
  add("generatorSeed", generator_seed);
  add("generatorInitialSeed", generator_initial_seed);
  add("generatorDevice", generator_device);
  add("generatorGetState", generator_get_state);
  add("generatorSetState", generator_set_state);
}

bool GeneratorHandle::is(const Napi::Value& value) { return held_generator(value) != nullptr; }

const at::Generator& GeneratorHandle::generator(const Napi::Value& value) {
  const HeldGenerator* held = held_generator(value);
  if (held == nullptr) wrong_argument("a Generator");
  return held->generator;
}

}  // namespace continual::binding
