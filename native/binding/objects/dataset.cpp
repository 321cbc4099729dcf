// The JavaScript handle of a dataset in memory.
#include "binding/objects/dataset.h"

#include "binding/objects/tensor.h"
#include "binding/util/arguments.h"
#include "binding/util/errors.h"
#include "binding/util/inputs.h"
#include "core/compute/work_size.h"

namespace continual::binding {
namespace {

// The data lies on the host, whatever device the strategy trains on, and so does what tells about it.
at::Tensor on_host(const at::Tensor& tensor) { return tensor.detach().to(at::kCPU).contiguous(); }

at::Tensor optional_tensor(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  return is_absent(value) ? at::Tensor() : on_host(TensorHandle::tensor(value));
}

/// { pad, permutation?, toFloat, mean?, std?, draws }, for samples x [B, ...].
Transform transform_argument(const Napi::Value& value, const at::Tensor& x) {
  if (!value.IsObject()) wrong_argument("a transform description");
  const auto options = value.As<Napi::Object>();
  Transform transform;
  transform.pad = integer_argument(options.Get("pad"), "pad");
  constexpr int64_t kWidestFrame = 65536;  // sizes stay far from overflow
  if (transform.pad < 0 || transform.pad > kWidestFrame) wrong_argument("pad to be in [0, 65536]");
  transform.permute(optional_tensor(options, "permutation"), transform.features_of(x));
  transform.to_float = boolean_argument(options.Get("toFloat"), "toFloat");
  if (!is_absent(options.Get("mean"))) {
    transform.mean = number_argument(options.Get("mean"), "mean");
    transform.std = number_argument(options.Get("std"), "std");
  }
  transform.draws = integer_argument(options.Get("draws"), "draws");
  return transform;
}

/// Native: transformed(x: Tensor, transform) -> Tensor: what a dataset with this transform would give of samples x [B, ...],
/// on their device.
Napi::Value transformed(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const at::NoGradGuard no_grad;
    const at::Tensor& x = TensorHandle::tensor(info[0]);
    const Transform transform = transform_argument(info[1], x);
    if (x.dim() == 0) wrong_argument("samples [B, ...]");
    transform.draw(x.size(0));
    at::Tensor result;
    Environment::of(env).run(is_large_pass(x.numel()), [&] { result = transform(x.clone()); });
    return TensorHandle::wrap(env, std::move(result));
  });
}

/// Native: createDataset({ inputs, targets, indices?, taskLabels, transform }) -> Dataset. Sizes and index ranges are checked here: a wrong one would read beyond the data.
Napi::Value create_dataset(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    if (!info[0].IsObject()) wrong_argument("a dataset description");
    const auto options = info[0].As<Napi::Object>();
    auto dataset = std::make_shared<Dataset>();
    dataset->inputs = inputs_argument(options.Get("inputs")).map(on_host);
    dataset->targets = on_host(TensorHandle::tensor(options.Get("targets")));
    dataset->indices = optional_tensor(options, "indices");
    dataset->task_labels = on_host(TensorHandle::tensor(options.Get("taskLabels")));
    const Inputs& inputs = dataset->inputs;
    for (const at::Tensor& input : inputs.tensors) {
      if (input.dim() > 0 && dataset->targets.dim() > 0 && input.size(0) == dataset->targets.size(0)) continue;
      throw Error("ERR_LENGTH_MISMATCH", "dataset: expected as many targets as inputs, got inputs " +
                                             continual::describe(inputs) + " and targets " +
                                             continual::describe(dataset->targets));
    }
    if (dataset->task_labels.dim() > 0 && dataset->task_labels.size(0) != dataset->size()) {
      throw Error("ERR_LENGTH_MISMATCH", "dataset: expected a task label for each sample, got inputs " +
                                             continual::describe(inputs) + " and task labels " +
                                             continual::describe(dataset->task_labels));
    }
    const at::Tensor& indices = dataset->indices;
    if (indices.defined() && indices.numel() > 0 &&
        (indices.min().item<int64_t>() < 0 || indices.max().item<int64_t>() >= inputs.size())) {
      throw Error("ERR_INDEX_RANGE", "dataset: expected indices in [0, " + std::to_string(inputs.size()) + ")");
    }
    dataset->transform = transform_argument(options.Get("transform"), inputs.tensors.front());
    return DatasetHandle::make(Environment::of(env).dataset_class, std::shared_ptr<const Dataset>(dataset));
  });
}

}  // namespace

void DatasetHandle::define(Napi::Env env, Napi::Object exports) {
  const Napi::Function constructor = DefineClass(env, kName, {});
  Environment::of(env).dataset_class = Napi::Persistent(constructor);
  exports.Set("transformed", Napi::Function::New(env, transformed, "transformed"));
  exports.Set("createDataset", Napi::Function::New(env, create_dataset, "createDataset"));
}

}  // namespace continual::binding
