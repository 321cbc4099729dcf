// Modules that grow: output layers with a unit for each class that has been seen.
#pragma once

#include "core/torch.h"

namespace continual {

/// Class labels from here on are refused: a layer has a row for every label up to the largest one.
constexpr int64_t kMaxClasses = int64_t{1} << 20;

/// A linear layer `classifier` and the buffer `active_units` int8 [units], all 0. With `masking`, outputs of units that
/// are not active are `mask_value`.
torch::jit::Module incremental_classifier(const torch::jit::Module& classifier, bool masking, double mask_value);

/// Gives the classifier a unit for each of these classes, and in train mode activates them (with masking). Growth
/// replaces weight and bias by new, trainable tensors: drawn as a whole from the default generator, weight first, the
/// old rows then put back.
/// Throws ERR_MODEL_ADAPTATION where `active_units` and the layer do not fit together.
void adapt_incremental_classifier(torch::jit::Module& module, const std::vector<int64_t>& classes);

/// Incremental classifiers `classifiers.TASK`, one for each task, and buffers `active_units_TTASK`. Its methods are
/// forward(input, task_labels), forward_single_task(input, task_label) and forward_all_tasks(input). Columns that the
/// head of a sample's task does not have are `fill_value`.
torch::jit::Module multi_head_classifier(const torch::jit::Module& first_head, bool masking, double mask_value,
                                         double fill_value);

/// Models around it are to be `refresh`ed. Throws ERR_MODEL_ADAPTATION for a task that has a head.
void add_head(torch::jit::Module& module, int64_t task, const torch::jit::Module& head);

/// With masking: room for these classes and for the units of the task's head; in train mode activates the classes.
void activate_units(torch::jit::Module& module, int64_t task, const std::vector<int64_t>& classes);

/// The width of `forward`'s output, and the tasks of forward_all_tasks.
void set_known(torch::jit::Module& module, int64_t max_class_label, const std::vector<int64_t>& train_tasks);

/// The multi-head classifiers below a module, and the code that calls them.
class MultiHeadCalls {
 public:
  explicit MultiHeadCalls(torch::jit::Module root);

  /// Recompiles what calls a classifier that has got a head since the last call.
  void refresh();

 private:
  size_t count_heads() const;

  torch::jit::Module root_;
  std::vector<torch::jit::Module> classifiers_;
  size_t heads_ = 0;
};

}  // namespace continual
