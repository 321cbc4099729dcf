#include "core/data/transform.h"

#include "core/error.h"

namespace continual {

void Transform::permute(at::Tensor by, int64_t features) {
  permutation = std::move(by);
  if (!permutation.defined() || permutation.numel() == 0) return;
  const int64_t least = permutation.min().item<int64_t>();
  if (least < -1 || permutation.max().item<int64_t>() >= features) {
    throw Error("ERR_INDEX_RANGE",
                "dataset: expected a permutation of indices in [-1, " + std::to_string(features) + ")");
  }
  fill = least == -1;
  if (fill) permutation = permutation.remainder(features + 1);
}

at::Tensor Transform::operator()(at::Tensor x) const {
  if (permutation.defined()) {
    at::Tensor features = x.flatten(1);
    if (fill) features = at::cat({features, at::zeros({x.size(0), 1}, x.options())}, 1);
    x = features.index_select(1, permutation.to(x.device())).view(x.sizes());
  }
  if (to_float) x = x.to(at::kFloat).div_(255);
  if (mean) x = x.sub_(*mean).div_(*std);
  return x;
}

void Transform::draw(int64_t samples) const {
  if (draws > 0) at::empty({samples, draws}).uniform_();
}

}  // namespace continual
