#include "core/training/cross_entropy.h"

#include "core/error.h"

namespace continual {

CrossEntropy CrossEntropy::to(const at::Device& device) const {
  CrossEntropy moved = *this;
  if (weight.defined()) moved.weight = weight.to(device);
  if (classes.defined()) moved.classes = classes.to(device);
  return moved;
}

at::Tensor CrossEntropy::operator()(const at::Tensor& output, const at::Tensor& target) const {
  if (classes.defined()) return of_classes(output, target);
  return at::cross_entropy_loss(output, target, weight, at::Reduction::Mean, ignore_index, label_smoothing);
}

/// A sample whose label is none of the classes has a loss of 0, and counts in the mean.
at::Tensor CrossEntropy::of_classes(const at::Tensor& output, const at::Tensor& target) const {
  if (output.dim() != 2 || target.dim() != 1 || target.size(0) != output.size(0) || target.scalar_type() != at::kLong) {
    throw Error("ERR_CRITERION", "MaskedCrossEntropy: expected output [B, C] and target int64 [B], got output " +
                                     c10::str(output.sizes()) + " and target " + c10::str(target.scalar_type()) + " " +
                                     c10::str(target.sizes()));
  }
  const at::Tensor losses = at::log_softmax(output.index_select(1, classes), 1).neg();
  return at::where(target.unsqueeze(1) == classes, losses, at::zeros({}, losses.options())).sum(1).mean();
}

void CrossEntropy::check_labels(const at::Tensor& output, const at::Tensor& target) const {
  if (target.scalar_type() != at::kLong || output.dim() == 0) return;
  const int64_t count = output.dim() == 1 ? output.size(0) : output.size(1);
  if (largest_class >= count) {
    throw Error("ERR_LABEL_RANGE", "MaskedCrossEntropy: expected classes of the mask in [0, " + std::to_string(count) +
                                       ") for a model output of shape " + c10::str(output.sizes()) + ", got " +
                                       std::to_string(largest_class));
  }
  const at::Tensor labels = target.to(at::kCPU).contiguous();
  const int64_t* data = labels.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < labels.numel(); ++i) {
    if ((data[i] >= 0 && data[i] < count) || data[i] == ignore_index) continue;
    const std::string name = classes.defined() ? "MaskedCrossEntropy" : "CrossEntropyLoss";
    throw Error("ERR_LABEL_RANGE", name + ": expected labels in [0, " + std::to_string(count) +
                                       ") for a model output of shape " + c10::str(output.sizes()) + ", got " +
                                       std::to_string(data[i]));
  }
}

}  // namespace continual
