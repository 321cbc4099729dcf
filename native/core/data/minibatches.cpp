#include "core/data/minibatches.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

#include "core/compute/threads.h"
#include "core/error.h"

namespace continual {
namespace {

int64_t draw_seed(const std::optional<at::Generator>& generator = {}) {
  return at::empty({}, at::kLong).random_(generator).item<int64_t>();
}

bool has_core_to_spare() {
  static const int64_t cores = std::thread::hardware_concurrency();  // the system reads a file to tell
  return cores > at::get_num_threads();
}

}  // namespace

MiniBatches::MiniBatches(std::shared_ptr<const Dataset> dataset, Sampling sampling)
    : dataset_(std::move(dataset)),
      shuffle_(sampling.shuffle),
      oversample_(sampling.oversample),
      generator_(std::move(sampling.generator)) {
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
  draw_seed(generator_);
}

int64_t MiniBatches::Group::remaining() const {
  const int64_t left = std::min(batch_size, size - next);
  return drop_last && left < batch_size ? 0 : left;
}

/// A group's first mini-batch of a round draws its seed, not the opening of the pass.
void MiniBatches::start(Group& group) const {
  group.next = 0;
  group.has_ended = false;
  group.order = group.positions;
  if (shuffle_) {
    const at::Generator generator = generator_ ? *generator_ : at::detail::createCPUGenerator(draw_seed());
    const at::Tensor permutation = at::randperm(group.size, generator, at::kLong);
    group.order = group.order.defined() ? group.order.index_select(0, permutation) : permutation;
  }
}

/// What PyTorch's sampler does with a generator that it was given when it is asked for more samples than there are,
/// also for a mini-batch that is dropped.
void MiniBatches::end(Group& group) const {
  if (!shuffle_ || !generator_ || group.has_ended || group.size == 0) return;
  if (group.length() == 0) start(group);
  group.has_ended = true;
  at::randperm(group.size, *generator_, at::kLong);
}

bool MiniBatches::starts_next(const Group& group) const {
  if (group.length() == 0) return false;
  return group.next == 0 || (&group != &groups_[longest_] && group.remaining() == 0 && oversample_);
}

std::optional<Positions> MiniBatches::draw() {
  Group& longest = groups_[longest_];
  if (longest.remaining() == 0) {
    end(longest);
    return std::nullopt;
  }
  if (starts_next(longest)) start(longest);

  std::vector<at::Tensor> parts;
  Positions drawn;
  for (Group& group : groups_) {
    if (&group != &longest && starts_next(group)) {
      if (group.next > 0) end(group);
      start(group);
    }
    const int64_t size = group.length() > 0 ? group.remaining() : 0;
    if (size < group.batch_size) end(group);
    if (size == 0) continue;
    if (group.order.defined()) parts.push_back(group.order.narrow(0, group.next, size));
    drawn.first = group.next;
    drawn.count += size;
    group.next += size;
  }
  if (!parts.empty()) drawn.list = parts.size() == 1 ? parts[0] : at::cat(parts);
  return drawn;
}

std::optional<Positions> MiniBatches::draw_ahead() {
  for (Group& group : groups_) {
    group.next_before = group.next;
    group.had_ended_before = group.has_ended;
  }
  return draw();
}

PassPosition MiniBatches::position() const {
  PassPosition result;
  for (const Group& group : groups_) {
    if (ahead_.valid()) result.groups.push_back({group.order, group.next_before, group.had_ended_before});
    else result.groups.push_back({group.order, group.next, group.has_ended});
  }
  return result;
}

void MiniBatches::go_to(const PassPosition& position) {
  const auto refuse = [](const std::string& expected, const std::string& got) {
    throw Error("ERR_STATE_DICT", "mini-batches: expected " + expected + ", got " + got);
  };
  if (position.groups.size() != groups_.size()) {
    refuse(c10::str("a position in ", groups_.size(), " groups of samples"), c10::str(position.groups.size()));
  }
  std::vector<at::Tensor> orders;
  for (size_t i = 0; i < groups_.size(); ++i) {
    const auto& [order, next, has_ended] = position.groups[i];
    const int64_t size = groups_[i].size;
    if (next < 0 || next > size) refuse(c10::str("a position among ", size, " samples"), c10::str(next));
    orders.push_back(order.defined() ? order.to(at::kCPU, at::kLong).contiguous() : at::Tensor());
    if (!order.defined()) continue;
    const bool is_order = order.dim() == 1 && order.numel() == size && size > 0 &&
                          orders.back().min().item<int64_t>() >= 0 &&
                          orders.back().max().item<int64_t>() < dataset_->size();
    if (!is_order) refuse(c10::str("an order of ", size, " samples"), c10::str("another, of shape ", order.sizes()));
  }
  for (size_t i = 0; i < groups_.size(); ++i) {
    Group& group = groups_[i];
    group.order = orders[i];
    group.next = position.groups[i].next;
    group.has_ended = position.groups[i].has_ended;
  }
}

bool MiniBatches::draws_random_numbers() const {
  return std::any_of(groups_.begin(), groups_.end(), [this](const Group& group) {
    return starts_next(group) || (generator_ && shuffle_ && !group.has_ended && group.remaining() < group.batch_size);
  });
}

void MiniBatches::prepare() {
  if (!gatherer_ || ahead_.valid() || draws_random_numbers()) return;
  const std::optional<Positions> drawn = draw_ahead();
  if (!drawn) return;
  // Not the end of this iteration if it fails, but of the next one.
  std::packaged_task<MiniBatch()> task([&] { return (*gatherer_)(*drawn); });
  ahead_ = task.get_future();
  task();
}

bool MiniBatches::is_prepared() const {
  return ahead_.valid() && ahead_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

void MiniBatches::prepare_meanwhile() {
  if (!gatherer_ || ahead_.valid() || draws_random_numbers()) return;
  if (!gatherer_->is_for_gpu() && !has_core_to_spare()) return;
  const std::optional<Positions> drawn = draw_ahead();
  if (!drawn) return;
  if (!helper_) {
    helper_ = std::make_unique<ComputeThread>();
    helper_->submit(leave_team);
  }
  auto task = std::make_shared<std::packaged_task<MiniBatch()>>(
      [gatherer = &*gatherer_, positions = *drawn] { return (*gatherer)(positions); });
  ahead_ = task->get_future();
  helper_->submit([task] { (*task)(); });
}

bool MiniBatches::next(MiniBatch& batch, const at::Device& device) {
  const at::NoGradGuard no_grad;
  if (!gatherer_) gatherer_.emplace(dataset_, /*pinned=*/!device.is_cpu());
  MiniBatch gathered;
  if (ahead_.valid()) {
    gathered = ahead_.get();
  } else {
    const std::optional<Positions> drawn = draw();
    if (!drawn) return false;
    gathered = (*gatherer_)(*drawn);
  }
  dataset_->transform.draw(gathered.size());
  batch = gathered.to(device);
  return true;
}

}  // namespace continual
