#include "core/training/cross_entropy.h"

#include "core/error.h"

namespace continual {

at::Tensor CrossEntropy::operator()(const at::Tensor& output, const at::Tensor& target) const {
  return at::cross_entropy_loss(output, target, weight, at::Reduction::Mean, ignore_index, label_smoothing);
}

void CrossEntropy::check_labels(const at::Tensor& output, const at::Tensor& target) const {
  if (target.scalar_type() != at::kLong || output.dim() == 0) return;
  const int64_t classes = output.dim() == 1 ? output.size(0) : output.size(1);
  const at::Tensor labels = target.to(at::kCPU).contiguous();
  const int64_t* data = labels.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < labels.numel(); ++i) {
    if ((data[i] >= 0 && data[i] < classes) || data[i] == ignore_index) continue;
    throw Error("ERR_LABEL_RANGE", "CrossEntropyLoss: expected labels in [0, " + std::to_string(classes) +
                                       ") for a model output of shape " + c10::str(output.sizes()) + ", got " +
                                       std::to_string(data[i]));
  }
}

}  // namespace continual
