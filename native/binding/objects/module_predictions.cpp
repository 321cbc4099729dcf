// What a model predicts, on the thread for predictions.
#include <algorithm>

#include "binding/objects/minibatches.h"
#include "binding/objects/module.h"
#include "binding/objects/tensor.h"
#include "binding/util/inputs.h"
#include "binding/util/promise_worker.h"
#include "binding/util/script_values.h"
#include "core/models/prediction.h"

namespace continual::binding {
namespace {

/// What a prediction occupies: nothing where a call of `train` or `eval` waits for it, one of `hosts`, which may go on
/// without. Throws ERR_BUSY where a job is at work on the model, or a call that is none of them works with it between
/// its jobs: it would change the model meanwhile.
Used used_by_prediction(const std::shared_ptr<Shared<Model>>& model, const Napi::Value& hosts) {
  model->readable("predict");
  const int64_t holder = model->holder();
  if (holder == 0) return {model};
  const auto calls =
      array_argument(hosts, "hosts", [](const Napi::Value& host) { return integer_argument(host, "a host"); });
  if (std::find(calls.begin(), calls.end(), holder) != calls.end()) return {};
  throw busy("predict", "a model that no strategy trains or evaluates, got one that is at work");
}

/// Mini-batches of samples that are there.
class Stretches {
 public:
  Stretches(Inputs inputs, at::Tensor task_labels, int64_t batch_size)
      : inputs_(std::move(inputs)), task_labels_(std::move(task_labels)), batch_size_(batch_size) {
    for (const at::Tensor& tensor : inputs_.tensors) {
      if (tensor.dim() > 0) size_ = std::max(size_, tensor.size(0));
    }
  }

  bool next(Inputs& inputs, at::Tensor& task_labels) {
    if (begin_ > 0 && begin_ >= size_) return false;
    if (size_ <= batch_size_) {
      inputs = inputs_;
      task_labels = task_labels_;
      begin_ = std::max<int64_t>(size_, 1);
      return true;
    }
    const int64_t count = std::min(batch_size_, size_ - begin_);
    const auto stretch = [&](const at::Tensor& tensor) {
      return tensor.defined() ? tensor.narrow(0, begin_, count) : tensor;
    };
    inputs = inputs_.map(stretch);
    task_labels = stretch(task_labels_);
    begin_ += count;
    return true;
  }

 private:
  Inputs inputs_;
  at::Tensor task_labels_;
  int64_t batch_size_;
  int64_t size_ = 0;
  int64_t begin_ = 0;
};

/// Mini-batches of a dataset.
class Gathered {
 public:
  explicit Gathered(std::shared_ptr<MiniBatches> mini_batches) : mini_batches_(std::move(mini_batches)) {}

  bool next(Inputs& inputs, at::Tensor& task_labels) {
    if (!mini_batches_->next(batch_, at::kCPU)) return false;
    inputs = batch_.x;
    task_labels = batch_.task_id;
    return true;
  }

 private:
  std::shared_ptr<MiniBatches> mini_batches_;
  MiniBatch batch_;
};

template <typename Source>
Napi::Value predict_from(Napi::Env env, Used used, Model& model, Source source) {
  const std::atomic<bool>& stopping = Environment::of(env).predicting().stopping();
  return run_job(
      env, JobKind::kPrediction, std::move(used),
      [source = std::move(source), prediction = Prediction(model), &stopping]() mutable {
        std::vector<c10::IValue> outputs;
        std::vector<int64_t> sizes;
        Inputs inputs;
        at::Tensor task_labels;
        while (!stopping && source.next(inputs, task_labels)) {
          outputs.push_back(prediction(inputs, task_labels));
          sizes.push_back(inputs.tensors.front().dim() == 0 ? 1 : inputs.size());
        }
        return outputs.empty() ? c10::IValue() : joined(outputs, sizes);
      },
      [](Napi::Env result_env, const c10::IValue& output) { return from_script_value(result_env, output); });
}

}  // namespace

/// predict(data: Inputs | MiniBatches, taskId: Tensor | null, batchSize: number, hosts: number[]) -> Promise<Value>:
/// what `forward` gives in eval mode, put together. Throws ERR_BUSY.
Napi::Value ModuleHandle::predict(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Used used = used_by_prediction(value_, info[3]);
    Model& model = *value_->object;
    if (MiniBatchesHandle::is(info[0])) {
      return predict_from(info.Env(), std::move(used), model, Gathered(MiniBatchesHandle::get(info[0])));
    }
    Stretches stretches(inputs_argument(info[0]), is_absent(info[1]) ? at::Tensor() : TensorHandle::tensor(info[1]),
                        std::max<int64_t>(1, integer_argument(info[2], "batchSize")));
    return predict_from(info.Env(), std::move(used), model, std::move(stretches));
  });
}

/// checkReadable(operation: string) -> void. Throws ERR_BUSY.
Napi::Value ModuleHandle::check_readable(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    value_->readable(string_argument(info[0], "operation").c_str());
    return info.Env().Undefined();
  });
}

/// holdForPrediction(on: boolean, hosts: number[]) -> boolean: one that runs on the JavaScript thread begins or ends;
/// what would change the model is busy meanwhile, where this gives true. Throws ERR_BUSY.
Napi::Value ModuleHandle::hold_for_prediction(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const bool is_beginning = boolean_argument(info[0], "on");
    const bool is_held = is_beginning ? !used_by_prediction(value_, info[1]).empty() : value_->readers() > 0;
    if (is_held) value_->readers() += is_beginning ? 1 : -1;
    return Napi::Boolean::New(info.Env(), is_held);
  });
}

}  // namespace continual::binding
