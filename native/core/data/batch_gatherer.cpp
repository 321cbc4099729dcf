#include "core/data/batch_gatherer.h"

#include <algorithm>

#include "core/compute/parallel.h"

namespace continual {
namespace {

/// Asks for memory that is read soon: rows in random order come from beyond the caches, one after the other otherwise.
void fetch_to_cache(const uint8_t* bytes, int64_t count) {
#if defined(__GNUC__)
  constexpr int64_t kLine = 64;
  for (int64_t i = 0; i < count; i += kLine) __builtin_prefetch(bytes + i);
#else
  (void)bytes, (void)count;
#endif
}

/// to[i] = table[from[rows[i]]], row by row; of images in a frame of `pad` zeros, lines of pixels line by line.
void look_up(const at::Tensor& to, const at::Tensor& from, const Positions& rows, const at::Tensor& table, int64_t pad) {
  constexpr int64_t kGrain = 16384;
  constexpr int64_t kRowsAhead = 4;
  const int64_t length = from.size(0);
  const int64_t width = from.numel() / std::max<int64_t>(length, 1);
  if (width == 0) {
    to.fill_(table[0]);
    return;
  }
  const at::Tensor listed = rows.list.defined() ? rows.list.contiguous() : rows.list;
  const int64_t* list = listed.defined() ? listed.const_data_ptr<int64_t>() : nullptr;
  // The caller's tensor, in which another number may stand since it was checked.
  for (int64_t row = 0; list != nullptr && row < rows.count; ++row) {
    TORCH_CHECK_INDEX(list[row] >= 0 && list[row] < length, "index ", list[row], " is out of range for ", length, " samples");
  }
  const uint8_t* bytes = from.const_data_ptr<uint8_t>();
  const float* values = table.const_data_ptr<float>();
  float* result = to.mutable_data_ptr<float>();
  const int64_t line = pad == 0 ? width : from.size(-1);
  const int64_t lines = pad == 0 ? 1 : from.size(-2);
  const int64_t padded_width = width / (lines * line) * (lines + 2 * pad) * (line + 2 * pad);
  const auto source = [=](int64_t row) { return bytes + (list == nullptr ? rows.first + row : list[row]) * width; };
  in_parallel(rows.count, std::max<int64_t>(kGrain / width, 1), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < std::min(begin + kRowsAhead, end); ++row) fetch_to_cache(source(row), width);
    for (int64_t row = begin; row < end; ++row) {
      if (row + kRowsAhead < end) fetch_to_cache(source(row + kRowsAhead), width);
      const uint8_t* from_row = source(row);
      float* to_row = result + row * padded_width;
      if (pad > 0) std::fill_n(to_row, padded_width, values[0]);
      for (int64_t at = 0, next = 0; at < width; at += line, ++next) {
        const int64_t place = (next / lines * (lines + 2 * pad) + pad + next % lines) * (line + 2 * pad) + pad;
        float* to_line = to_row + (pad == 0 ? 0 : place);
        for (int64_t i = 0; i < line; ++i) to_line[i] = values[from_row[at + i]];
      }
    }
  });
}

}  // namespace

MiniBatch MiniBatch::to(const at::Device& device) const {
  constexpr bool kNonBlocking = true;
  return {.x = x.map([&](const at::Tensor& input) { return input.to(device, kNonBlocking); }),
          .y = y.to(device, kNonBlocking),
          .task_id = task_id.to(device, kNonBlocking),
          .labels = labels};
}

Gatherer::Gatherer(std::shared_ptr<const Dataset> dataset, bool pinned) : dataset_(std::move(dataset)), pinned_(pinned) {
  Transform transform = dataset_->transform;
  const Inputs& inputs = dataset_->inputs;
  const bool are_bytes = inputs.form == Inputs::Form::kOne && inputs.tensors.front().scalar_type() == at::kByte;
  if (are_bytes && transform.to_float && !transform.permutation.defined()) {
    transform.pad = 0;
    table_ = transform(at::arange(256, at::kByte));
  }
}

MiniBatch Gatherer::operator()(const Positions& positions) const {
  const at::NoGradGuard no_grad;
  const Dataset& data = *dataset_;
  const Positions of_data =
      data.indices.defined() ? Positions{rows(data.indices, positions), 0, positions.count} : positions;
  MiniBatch batch;
  const bool is_one = data.inputs.form == Inputs::Form::kOne;
  batch.x = data.inputs.map(
      [&](const at::Tensor& input) { return is_one ? transformed(input, of_data) : rows(input, of_data); });
  batch.y = rows(data.targets, of_data);
  batch.labels = batch.y;
  batch.task_id = data.task_labels.dim() == 0 ? data.task_labels.expand({positions.count}).clone()
                                              : rows(data.task_labels, positions);
  return batch;
}

at::Tensor Gatherer::transformed(const at::Tensor& all, const Positions& from) const {
  if (table_.defined()) {
    std::vector<int64_t> shape = all.sizes().vec();
    shape[0] = from.count;
    const int64_t pad = dataset_->transform.pad;
    for (size_t d = shape.size() - (pad > 0 ? 2 : 0); d < shape.size(); ++d) shape[d] += 2 * pad;
    const at::Tensor x = at::empty(shape, at::TensorOptions(at::kFloat).pinned_memory(pinned_));
    look_up(x, all, from, table_, pad);
    return x;
  }
  return dataset_->transform(rows(all, from));
}

/// Copied also where they lie in a row: an in-place operation of the model on its input must not reach the data.
at::Tensor Gatherer::rows(const at::Tensor& from, const Positions& rows) const {
  std::vector<int64_t> shape = from.sizes().vec();
  shape[0] = rows.count;
  at::Tensor result = at::empty(shape, from.options().pinned_memory(pinned_));
  if (rows.list.defined()) at::index_select_out(result, from, 0, rows.list);
  else result.copy_(from.narrow(0, rows.first, rows.count));
  return result;
}

}  // namespace continual
