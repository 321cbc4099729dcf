// From the inputs of a mini-batch and its task labels to what a model's forward takes.
#pragma once

#include <optional>

#include "core/data/inputs.h"

namespace continual {

/// Which argument of `forward` gets the task label of each sample: a tensor, or an optional one, that is called
/// `task_labels`, as in the reference. Nothing where there is none.
std::optional<size_t> task_labels_argument(const c10::FunctionSchema& schema);

/// The names of the inputs of `forward` that mini-batches may fill.
std::vector<std::string> input_names(const c10::FunctionSchema& schema);

/// What stands behind `self`. A tensor, or several in order, go to the inputs in their order, task labels apart;
/// several by name to those of these names; all of them as one list, tuple or dict where the first input is such. What
/// is left has its default. Throws ERR_INPUTS, which names the input, where nothing fills one, or where there is none
/// for what came; ERR_NO_TASK_LABELS where task labels are wanted and undefined.
torch::jit::Stack forward_arguments(const c10::FunctionSchema& schema, const Inputs& inputs,
                                    const at::Tensor& task_labels);

}  // namespace continual
