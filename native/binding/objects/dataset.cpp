// The JavaScript handle of a dataset in memory.
#include "binding/objects/dataset.h"

#include "binding/objects/tensor.h"
#include "binding/util/inputs.h"

namespace continual::binding {
namespace {

/// -1 in a permutation stands for a feature that is 0.
void fill_beyond_the_data(Transform& transform, int64_t features) {
  if (!transform.permutation.defined() || transform.permutation.numel() == 0) return;
  const int64_t least = transform.permutation.min().item<int64_t>();
  if (least < -1 || transform.permutation.max().item<int64_t>() >= features) {
    throw Error("ERR_INDEX_RANGE",
                "dataset: expected a permutation of indices in [-1, " + std::to_string(features) + ")");
  }
  transform.fill = least == -1;
  if (transform.fill) transform.permutation = transform.permutation.remainder(features + 1);
}

/// Native: createDataset({ inputs, targets, indices?, taskLabels, permutation?, toFloat, mean?, std?, draws }) ->
/// Dataset Sizes and index ranges are checked here: a wrong one would read beyond the data.
Napi::Value create_dataset(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    if (!info[0].IsObject()) wrong_argument("a dataset description");
    const auto options = info[0].As<Napi::Object>();
    // The data lies on the host, whatever device the strategy trains on, and so does what tells about it.
    const auto on_host = [](const at::Tensor& tensor) { return tensor.detach().to(at::kCPU).contiguous(); };
    const auto optional_tensor = [&](const char* name) {
      const Napi::Value value = options.Get(name);
      return is_absent(value) ? at::Tensor() : on_host(TensorHandle::tensor(value));
    };
    auto dataset = std::make_shared<Dataset>();
    dataset->inputs = inputs_argument(options.Get("inputs")).map(on_host);
    dataset->targets = on_host(TensorHandle::tensor(options.Get("targets")));
    dataset->indices = optional_tensor("indices");
    dataset->task_labels = on_host(TensorHandle::tensor(options.Get("taskLabels")));
    dataset->transform.permutation = optional_tensor("permutation");
    dataset->transform.to_float = boolean_argument(options.Get("toFloat"), "toFloat");
    if (!is_absent(options.Get("mean"))) {
      dataset->transform.mean = number_argument(options.Get("mean"), "mean");
      dataset->transform.std = number_argument(options.Get("std"), "std");
    }
    dataset->transform.draws = integer_argument(options.Get("draws"), "draws");
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
    fill_beyond_the_data(dataset->transform, inputs.size() == 0 ? 0 : inputs.tensors.front().numel() / inputs.size());
    return DatasetHandle::make(Environment::of(env).dataset_class, std::shared_ptr<const Dataset>(dataset));
  });
}

}  // namespace

void DatasetHandle::define(Napi::Env env, Napi::Object exports) {
  const Napi::Function constructor = DefineClass(env, kName, {});
  Environment::of(env).dataset_class = Napi::Persistent(constructor);
  exports.Set("createDataset", Napi::Function::New(env, create_dataset, "createDataset"));
}

}  // namespace continual::binding
