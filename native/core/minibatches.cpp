#include "core/minibatches.h"

#include <ATen/CPUGeneratorImpl.h>

namespace continual {
namespace {

int64_t draw_seed() { return at::empty({}, at::kLong).random_().item<int64_t>(); }

at::Tensor apply(const Transform& transform, at::Tensor x) {
  if (transform.permutation.defined()) x = x.flatten(1).index_select(1, transform.permutation).view(x.sizes());
  if (transform.to_float) x = x.to(at::kFloat).div_(255);
  if (transform.mean) x = x.sub_(*transform.mean).div_(*transform.std);
  return x;
}

}  // namespace

MiniBatches::MiniBatches(std::shared_ptr<const Dataset> dataset, int64_t batch_size, bool shuffle, bool drop_last)
    : dataset_(std::move(dataset)), batch_size_(batch_size), shuffle_(shuffle), drop_last_(drop_last) {
  draw_seed();
}

int64_t MiniBatches::length() const {
  const int64_t n = dataset_->size();
  return drop_last_ ? n / batch_size_ : (n + batch_size_ - 1) / batch_size_;
}

bool MiniBatches::next(MiniBatch& batch, const at::Device& device) {
  at::NoGradGuard no_grad;
  const int64_t n = dataset_->size();
  const int64_t size = std::min(batch_size_, n - position_);
  if (size <= 0 || (drop_last_ && size < batch_size_)) return false;
  if (shuffle_ && position_ == 0) {
    at::Generator generator = at::detail::createCPUGenerator(draw_seed());
    order_ = at::randperm(n, generator, at::kLong);
    if (dataset_->indices.defined()) order_ = dataset_->indices.index_select(0, order_);
  }
  const at::Tensor& order = shuffle_ ? order_ : dataset_->indices;
  if (order.defined()) {
    const at::Tensor chosen = order.narrow(0, position_, size);
    batch.x = dataset_->inputs.index_select(0, chosen);
    batch.labels = dataset_->targets.index_select(0, chosen);
  } else {
    // Copied: an in-place operation of the model on its input must not reach the data.
    batch.x = dataset_->inputs.narrow(0, position_, size).clone();
    batch.labels = dataset_->targets.narrow(0, position_, size).clone();
  }
  batch.x = apply(dataset_->transform, batch.x).to(device, /*non_blocking=*/true);
  batch.y = batch.labels.to(device, /*non_blocking=*/true);
  batch.task_id = at::full({size}, dataset_->task_label, at::TensorOptions(at::kLong).device(device));
  position_ += size;
  return true;
}

}  // namespace continual
