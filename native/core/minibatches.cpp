#include "core/minibatches.h"

#include <ATen/CPUGeneratorImpl.h>

namespace continual {
namespace {

int64_t draw_seed() { return at::empty({}, at::kLong).random_().item<int64_t>(); }

at::Tensor permuted(const at::Tensor& x, const Transform& transform) {
  at::Tensor features = x.flatten(1);
  if (transform.fill) features = at::cat({features, at::zeros({x.size(0), 1}, x.options())}, 1);
  return features.index_select(1, transform.permutation).view(x.sizes());
}

at::Tensor apply(const Transform& transform, at::Tensor x) {
  if (transform.draws > 0) at::empty({x.size(0), transform.draws}).uniform_();
  if (transform.permutation.defined()) x = permuted(x, transform);
  if (transform.to_float) x = x.to(at::kFloat).div_(255);
  if (transform.mean) x = x.sub_(*transform.mean).div_(*transform.std);
  return x;
}

}  // namespace

MiniBatches::MiniBatches(std::shared_ptr<const Dataset> dataset, Sampling sampling)
    : dataset_(std::move(dataset)), shuffle_(sampling.shuffle), oversample_(sampling.oversample) {
  if (sampling.groups.empty()) {
    groups_.push_back({{}, dataset_->size(), sampling.batch_size, sampling.drop_last, {}});
  }
  const int64_t count = static_cast<int64_t>(sampling.groups.size());
  for (int64_t i = 0; i < count; ++i) {
    const int64_t batch_size = sampling.batch_size / count + (i < sampling.batch_size % count ? 1 : 0);
    groups_.push_back({sampling.groups[i], sampling.groups[i].numel(), batch_size, sampling.drop_last, {}});
  }
  for (size_t i = 1; i < groups_.size(); ++i) {
    if (groups_[i].length() > groups_[longest_].length()) longest_ = i;
  }
  draw_seed();
}

int64_t MiniBatches::Group::remaining() const {
  const int64_t left = std::min(batch_size, size - next);
  return drop_last && left < batch_size ? 0 : left;
}

/// A group's first mini-batch of a round draws its seed, not the opening of the pass.
void MiniBatches::start(Group& group) const {
  group.next = 0;
  group.order = group.positions;
  if (shuffle_) {
    at::Generator generator = at::detail::createCPUGenerator(draw_seed());
    const at::Tensor permutation = at::randperm(group.size, generator, at::kLong);
    group.order = group.order.defined() ? group.order.index_select(0, permutation) : permutation;
  }
}

bool MiniBatches::next(MiniBatch& batch, const at::Device& device) {
  at::NoGradGuard no_grad;
  Group& longest = groups_[longest_];
  if (longest.remaining() == 0) return false;
  if (longest.next == 0) start(longest);

  std::vector<at::Tensor> parts;
  int64_t first = 0;
  int64_t total = 0;
  for (Group& group : groups_) {
    if (&group != &longest && group.length() > 0) {
      if (group.next == 0 || (group.remaining() == 0 && oversample_)) start(group);
    }
    const int64_t size = group.length() > 0 ? group.remaining() : 0;
    if (size == 0) continue;
    if (group.order.defined()) parts.push_back(group.order.narrow(0, group.next, size));
    first = group.next;
    total += size;
    group.next += size;
  }

  const Dataset& data = *dataset_;
  const bool in_order = parts.empty();
  const at::Tensor positions = in_order ? at::Tensor() : parts.size() == 1 ? parts[0] : at::cat(parts);
  const auto of_positions = [&](const at::Tensor& tensor) {
    return in_order ? tensor.narrow(0, first, total) : tensor.index_select(0, positions);
  };
  if (data.indices.defined() || !in_order) {
    const at::Tensor rows = data.indices.defined() ? of_positions(data.indices) : positions;
    batch.x = data.inputs.index_select(0, rows);
    batch.labels = data.targets.index_select(0, rows);
  } else {
    // Copied: an in-place operation of the model on its input must not reach the data.
    batch.x = of_positions(data.inputs).clone();
    batch.labels = of_positions(data.targets).clone();
  }
  batch.task_id = data.task_labels.dim() == 0 ? data.task_labels.expand({total}) : of_positions(data.task_labels);
  batch.x = apply(dataset_->transform, batch.x).to(device, /*non_blocking=*/true);
  batch.y = batch.labels.to(device, /*non_blocking=*/true);
  batch.task_id = batch.task_id.clone().to(device, /*non_blocking=*/true);
  return true;
}

}  // namespace continual
