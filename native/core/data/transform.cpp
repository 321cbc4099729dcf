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

int64_t Transform::features_of(const at::Tensor& x) const {
  if (pad > 0 && x.dim() < 3) {
    throw Error("ERR_INVALID_ARG_VALUE",
                "transform: expected samples [..., rows, columns] where pad is given, got " + c10::str(x.sizes().slice(1)));
  }
  int64_t features = 1;
  for (int64_t d = 1; d < x.dim(); ++d) features *= x.size(d) + (d < x.dim() - 2 ? 0 : 2 * pad);
  return features;
}

at::Tensor Transform::operator()(at::Tensor x) const {
  if (pad > 0) x = at::constant_pad_nd(x, {pad, pad, pad, pad}, 0);
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
