// The JavaScript handle of one pass over a dataset in memory.
#include "binding/objects/minibatches.h"

#include "binding/objects/dataset.h"
#include "binding/objects/generator.h"
#include "binding/objects/tensor.h"
#include "binding/util/inputs.h"

namespace continual::binding {
namespace {

std::optional<at::Generator> generator_option(const Napi::Value& value) {
  return is_absent(value) ? std::nullopt : std::optional(GeneratorHandle::generator(value));
}

/// Native: createMiniBatches(dataset: Dataset, { batchSize, shuffle, dropLast, groups: Tensor[], oversample,
/// generator: Generator | null }) -> MiniBatches: a new pass; the groups hold positions in the dataset.
Napi::Value create_mini_batches(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    if (!info[1].IsObject()) wrong_argument("sampling options");
    const auto options = info[1].As<Napi::Object>();
    Sampling sampling{
        .batch_size = integer_argument(options.Get("batchSize"), "batchSize"),
        .shuffle = boolean_argument(options.Get("shuffle"), "shuffle"),
        .drop_last = boolean_argument(options.Get("dropLast"), "dropLast"),
        .groups = array_argument(options.Get("groups"), "groups",
                                 [](const Napi::Value& value) { return TensorHandle::tensor(value); }),
        .oversample = boolean_argument(options.Get("oversample"), "oversample"),
        .generator = generator_option(options.Get("generator")),
    };
    if (sampling.batch_size < std::max<int64_t>(1, static_cast<int64_t>(sampling.groups.size()))) {
      wrong_argument("batchSize of at least one sample of each group");
    }
    return MiniBatchesHandle::make(Environment::of(env).mini_batches_class,
                                   std::make_shared<MiniBatches>(DatasetHandle::get(info[0]), std::move(sampling)));
  });
}

}  // namespace

void MiniBatchesHandle::define(Napi::Env env, Napi::Object exports) {
  using Self = MiniBatchesHandle;
  const Napi::Function constructor =
      DefineClass(env, kName,
                  {InstanceMethod<&Self::length>("length"), InstanceMethod<&Self::next>("next"),
                   InstanceMethod<&Self::position>("position"), InstanceMethod<&Self::go_to>("goTo")});
  Environment::of(env).mini_batches_class = Napi::Persistent(constructor);
  exports.Set("createMiniBatches", Napi::Function::New(env, create_mini_batches, "createMiniBatches"));
}

/// length() -> number of mini-batches of the whole pass.
Napi::Value MiniBatchesHandle::length(const Napi::CallbackInfo& info) {
  return guarded(info.Env(),
                 [&]() -> Napi::Value { return Napi::Number::New(info.Env(), static_cast<double>(value_->length())); });
}

/// next() -> [x, y, taskId] on the CPU, null at the end.
Napi::Value MiniBatchesHandle::next(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    MiniBatch batch;
    if (!value_->next(batch, at::kCPU)) return env.Null();
    Napi::Array result = Napi::Array::New(env, 3);
    result.Set(0u, to_javascript(env, batch.x));
    result.Set(1u, TensorHandle::wrap(env, batch.y));
    result.Set(2u, TensorHandle::wrap(env, batch.task_id));
    return result;
  });
}

/// position() -> [order: Tensor | null, next: number, hasEnded: boolean][]: of each group.
Napi::Value MiniBatchesHandle::position(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const PassPosition position = value_->position();
    Napi::Array result = Napi::Array::New(env, position.groups.size());
    for (uint32_t i = 0; i < position.groups.size(); ++i) {
      const auto& [order, next, has_ended] = position.groups[i];
      Napi::Array group = Napi::Array::New(env, 3);
      group.Set(0u, TensorHandle::wrap(env, order));
      group.Set(1u, static_cast<double>(next));
      group.Set(2u, has_ended);
      result.Set(i, group);
    }
    return result;
  });
}

/// goTo(position) -> void
Napi::Value MiniBatchesHandle::go_to(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    PassPosition position;
    position.groups = array_argument(info[0], "position", [](const Napi::Value& value) {
      if (!value.IsArray()) wrong_argument("a group to be an array");
      const auto group = value.As<Napi::Array>();
      const Napi::Value order = group.Get(0u);
      return PassPosition::OfGroup{.order = is_absent(order) ? at::Tensor() : TensorHandle::tensor(order),
                                   .next = integer_argument(group.Get(1u), "next"),
                                   .has_ended = boolean_argument(group.Get(2u), "hasEnded")};
    });
    value_->go_to(position);
    return info.Env().Undefined();
  });
}

}  // namespace continual::binding
