#include "core/regularization/mas_objective.h"

#include <algorithm>
#include <numeric>


namespace continual {

const std::vector<std::string>& MasObjective::names() {
  static const std::vector<std::string> names{"meanSquaredNorm", "meanSquares", "meanNorm",
                                              "sumSquares",      "sumAbs",      "perOutput"};
  return names;
}

std::vector<at::Tensor> MasObjective::of_mini_batch(const at::Tensor& output) const {
  return gradients(output, output.size(0));
}

std::vector<at::Tensor> MasObjective::of_samples(const at::Tensor& output) const { return gradients(output, 1); }

/// By hand, without a graph through norm, square and mean; rows are those of mini-batches of that many samples.
std::vector<at::Tensor> MasObjective::gradients(const at::Tensor& output, int64_t samples) const {
  at::NoGradGuard no_grad;
  const at::Tensor all = output.detach();
  at::Tensor rows = all.dim() == 1 ? all.unsqueeze(1) : all;
  const int64_t width = rows.size(1);
  const auto is_there = [&](int64_t column) { return column >= 0 && column < width; };
  std::vector<int64_t> columns = outputs_;
  if (columns.empty() || !std::all_of(columns.begin(), columns.end(), is_there)) {
    columns.resize(width);
    std::iota(columns.begin(), columns.end(), 0);
  } else {
    const at::Tensor chosen = at::tensor(columns, at::kLong).to(rows.device());
    rows = at::zeros_like(rows).index_copy_(1, chosen, rows.index_select(1, chosen));
  }
  const auto counted = [](int64_t count) { return static_cast<double>(std::max<int64_t>(count, 1)); };
  // Numbers, and norms, in a mini-batch of `samples`, which may have several of these each.
  const double numbers = counted(all.numel() / std::max<int64_t>(all.size(0), 1) * samples);
  const double norms = numbers / counted(width);
  const auto in_shape = [&](const at::Tensor& gradient) { return gradient.view_as(all); };
  switch (which_) {
    case Kind::kMeanSquaredNorm: return {in_shape(rows * (2.0 * counted(width) / numbers))};
    case Kind::kMeanSquares: return {in_shape(rows * (2.0 / (norms * counted(columns.size()))))};
    case Kind::kSumSquares: return {in_shape(rows * 2.0)};
    case Kind::kSumAbs: return {in_shape(at::sgn(rows))};
    case Kind::kMeanNorm: {
      const at::Tensor norm = at::linalg_vector_norm(rows, /*ord=*/2, /*dim=*/1, /*keepdim=*/true);
      return {in_shape(at::where(norm > 0, rows / norm, at::zeros_like(rows)).div_(norms))};
    }
    case Kind::kPerOutput: {
      std::vector<at::Tensor> each;
      for (const int64_t column : columns) {
        at::Tensor gradient = at::zeros_like(rows);
        gradient.select(1, column).fill_(1.0 / norms);
        each.push_back(in_shape(gradient));
      }
      return each;
    }
  }
  return {};
}

}  // namespace continual
