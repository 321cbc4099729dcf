#include "core/operators/unchecked_arguments.h"

#include <ATen/WrapDimUtils.h>

#include <limits>
#include <unordered_map>

#include "core/error.h"

namespace continual {
namespace {

/// An argument by its name in the schema; None where there is none of that name.
c10::IValue argument(const c10::FunctionSchema& schema, const torch::jit::Stack& stack, const std::string& name) {
  const auto index = schema.argumentIndexWithName(name);
  return index && static_cast<size_t>(*index) < stack.size() ? stack[static_cast<size_t>(*index)] : c10::IValue();
}

/// Other devices check in their kernels.
bool is_readable(const c10::IValue& value) {
  return value.isTensor() && value.toTensor().defined() && value.toTensor().is_cpu() && value.toTensor().numel() > 0;
}

/// All integers of a tensor lie in [0, limit).
void check_range(const c10::FunctionSchema& schema, const char* name, const at::Tensor& integers, int64_t limit) {
  if (!at::isIntegralType(integers.scalar_type(), /*includeBool=*/false) || integers.numel() == 0) return;
  const int64_t least = integers.min().item<int64_t>(), most = integers.max().item<int64_t>();
  if (least >= 0 && most < limit) return;
  throw Error("ERR_INVALID_ARG_VALUE", c10::str("operator ", schema.name(), ": expected ", name, " in [0, ", limit,
                                                "), got ", least < 0 ? least : most, "\n  ", schema));
}

/// Integers by batch item: given as a list or as a tensor.
std::vector<int64_t> lengths_of(const c10::IValue& value) {
  if (value.isIntList()) return value.toIntVector();
  if (!is_readable(value)) return {};
  const at::Tensor lengths = value.toTensor().to(at::kLong).contiguous().view({-1});
  return {lengths.const_data_ptr<int64_t>(), lengths.const_data_ptr<int64_t>() + lengths.numel()};
}

void check_ctc_loss(const c10::FunctionSchema& schema, const torch::jit::Stack& stack) {
  const c10::IValue outputs = argument(schema, stack, "log_probs"), given = argument(schema, stack, "targets");
  if (!is_readable(given) || !outputs.isTensor() || outputs.toTensor().dim() == 0) return;
  const at::Tensor targets = given.toTensor();
  const int64_t classes = outputs.toTensor().size(-1);
  if (targets.dim() != 2) return check_range(schema, "targets", targets, classes);
  // What stands behind a target's length does not count.
  const std::vector<int64_t> lengths = lengths_of(argument(schema, stack, "target_lengths"));
  const int64_t rows = std::min<int64_t>(targets.size(0), static_cast<int64_t>(lengths.size()));
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t length = std::clamp<int64_t>(lengths[static_cast<size_t>(i)], 0, targets.size(1));
    check_range(schema, "targets", targets.select(0, i).narrow(0, 0, length), classes);
  }
}

void check_offsets(const c10::FunctionSchema& schema, const at::Tensor& offsets, int64_t count) {
  check_range(schema, "offsets", offsets, count + 1);
  if (offsets.dim() > 0 && offsets.size(-1) > 1 && offsets.diff().lt(0).any().item<bool>()) {
    throw Error("ERR_INVALID_ARG_VALUE",
                c10::str("operator ", schema.name(), ": expected offsets in ascending order\n  ", schema));
  }
}

void check_embedding_bag(const c10::FunctionSchema& schema, const torch::jit::Stack& stack) {
  const c10::IValue indices = argument(schema, stack, "indices"), offsets = argument(schema, stack, "offsets");
  if (is_readable(offsets) && indices.isTensor()) check_offsets(schema, offsets.toTensor(), indices.toTensor().numel());
}

void check_segment_reduce(const c10::FunctionSchema& schema, const torch::jit::Stack& stack) {
  const c10::IValue data = argument(schema, stack, "data"), offsets = argument(schema, stack, "offsets");
  if (!is_readable(offsets) || !data.isTensor()) return;
  const int64_t axis = argument(schema, stack, "axis").toInt();
  const int64_t rank = data.toTensor().dim();
  if (axis < -rank || axis >= rank) return;  // refused by the operator itself
  check_offsets(schema, offsets.toTensor(), data.toTensor().size(axis));
}

/// Positions in the last dimensions of the input of a pooling, from which its gradient comes.
template <int64_t dimensions>
void check_pooling_indices(const c10::FunctionSchema& schema, const torch::jit::Stack& stack) {
  const c10::IValue input = argument(schema, stack, "self"), indices = argument(schema, stack, "indices");
  if (!is_readable(indices) || !input.isTensor() || input.toTensor().dim() < dimensions) return;
  int64_t positions = 1;
  for (int64_t i = 1; i <= dimensions; ++i) positions *= input.toTensor().size(-i);
  check_range(schema, "indices", indices.toTensor(), positions);
}

/// The least integer has no opposite: processors trap its division by -1.
void check_division(const c10::FunctionSchema& schema, const torch::jit::Stack& stack) {
  const c10::IValue self = argument(schema, stack, "self"), other = argument(schema, stack, "other");
  const c10::IValue rounding = argument(schema, stack, "rounding_mode");
  if (schema.name().rfind("aten::div", 0) == 0 && rounding.isNone()) return;
  const auto has = [](const c10::IValue& value, int64_t number) {
    if (value.isInt()) return value.toInt() == number;
    return is_readable(value) &&
           (value.toTensor().scalar_type() == at::kLong || value.toTensor().scalar_type() == at::kInt) &&
           value.toTensor().eq(number).any().item<bool>();
  };
  if (!has(other, -1)) return;
  if (!has(self, std::numeric_limits<int64_t>::min()) && !has(self, std::numeric_limits<int32_t>::min())) return;
  throw Error("ERR_INVALID_ARG_VALUE", c10::str("operator ", schema.name(),
                                                ": expected a quotient that the dtype can hold, got the least integer "
                                                "divided by -1\n  ",
                                                schema));
}

/// A list that the kernel reads to this length.
void check_length(const c10::FunctionSchema& schema, const torch::jit::Stack& stack, const char* name, size_t length) {
  const c10::IValue list = argument(schema, stack, name);
  if (!list.isList() || list.toListRef().size() == length) return;
  throw Error("ERR_INVALID_ARG_VALUE", c10::str("operator ", schema.name(), ": expected ", length, " items in ", name,
                                                ", got ", list.toListRef().size(), "\n  ", schema));
}

/// Every list of the length that the schema names.
void check_lengths(const c10::FunctionSchema& schema, const torch::jit::Stack& stack) {
  for (const c10::Argument& argument : schema.arguments()) {
    if (argument.N()) check_length(schema, stack, argument.name().c_str(), static_cast<size_t>(*argument.N()));
  }
}

template <int64_t dimensions>
void check_fractional_pooling(const c10::FunctionSchema& schema, const torch::jit::Stack& stack) {
  check_lengths(schema, stack);
  check_pooling_indices<dimensions>(schema, stack);
}

/// Hidden state and cell state.
void check_lstm_states(const c10::FunctionSchema& schema, const torch::jit::Stack& stack) {
  check_length(schema, stack, "hx", 2);
}

/// Its sparse gradient is made of the index as it is.
void check_gather_backward(const c10::FunctionSchema& schema, const torch::jit::Stack& stack) {
  const c10::IValue grad = argument(schema, stack, "grad"), self = argument(schema, stack, "self");
  const c10::IValue given = argument(schema, stack, "index");
  if (!given.isTensor() || !grad.isTensor() || !self.isTensor() || !argument(schema, stack, "sparse_grad").toBool())
    return;
  const at::Tensor &index = given.toTensor(), &input = self.toTensor();
  const int64_t dim = at::maybe_wrap_dim(argument(schema, stack, "dim").toInt(), input.dim());
  if (index.scalar_type() != at::kLong || index.layout() != at::kStrided || index.sizes() != grad.toTensor().sizes() ||
      (input.dim() > 0 && index.dim() != input.dim())) {
    throw Error("ERR_INVALID_ARG_VALUE",
                c10::str("operator ", schema.name(), ": expected an int64 index of the shape of grad, ",
                         grad.toTensor().sizes(), ", got ", index.scalar_type(), " ", index.sizes(), "\n  ", schema));
  }
  check_range(schema, "index", index, input.dim() == 0 ? 1 : input.size(dim));
}

/// A copy in another dtype is made of elements that a quantized tensor does not show.
void check_view_copy(const c10::FunctionSchema& schema, const torch::jit::Stack& stack) {
  const c10::IValue self = argument(schema, stack, "self");
  if (schema.overload_name() != "dtype" || !self.isTensor() || !self.toTensor().is_quantized()) return;
  throw Error("ERR_INVALID_ARG_VALUE",
              c10::str("operator ", schema.name(), ": expected a tensor that is not quantized\n  ", schema));
}

/// Asks the storage of `self` for its size; compressed sparse tensors have none.
void check_copy(const c10::FunctionSchema& schema, const torch::jit::Stack& stack) {
  const c10::IValue self = argument(schema, stack, "self");
  if (!self.isTensor() || !self.toTensor().defined() || self.toTensor().has_storage()) return;
  throw Error("ERR_INVALID_ARG_VALUE",
              c10::str("operator ", schema.name(), ": expected a dense tensor as self, got one of layout ",
                       self.toTensor().layout(), "\n  ", schema));
}

}  // namespace

ArgumentCheck unchecked_arguments_of(const std::string& name) {
  static const std::unordered_map<std::string, ArgumentCheck> checks{
      {"aten::_ctc_loss", check_ctc_loss},
      {"aten::_embedding_bag", check_embedding_bag},
      {"aten::_embedding_bag_forward_only", check_embedding_bag},
      {"aten::adaptive_max_pool2d_backward", check_pooling_indices<2>},
      {"aten::adaptive_max_pool3d_backward", check_pooling_indices<3>},
      {"aten::copy", check_copy},
      {"aten::ctc_loss", check_ctc_loss},
      {"aten::div", check_division},
      {"aten::div_", check_division},
      {"aten::divide", check_division},
      {"aten::divide_", check_division},
      {"aten::embedding_bag", check_embedding_bag},
      {"aten::floor_divide", check_division},
      {"aten::floor_divide_", check_division},
      {"aten::fractional_max_pool2d_backward", check_fractional_pooling<2>},
      {"aten::fractional_max_pool3d_backward", check_fractional_pooling<3>},
      {"aten::gather_backward", check_gather_backward},
      {"aten::fmod", check_division},
      {"aten::fmod_", check_division},
      {"aten::max_pool2d_with_indices_backward", check_pooling_indices<2>},
      {"aten::max_pool3d_with_indices_backward", check_pooling_indices<3>},
      {"aten::quantized_lstm_cell", check_lstm_states},
      {"aten::reflection_pad1d", check_lengths},
      {"aten::reflection_pad1d_backward", check_lengths},
      {"aten::reflection_pad2d", check_lengths},
      {"aten::reflection_pad2d_backward", check_lengths},
      {"aten::reflection_pad3d", check_lengths},
      {"aten::reflection_pad3d_backward", check_lengths},
      {"aten::remainder", check_division},
      {"aten::remainder_", check_division},
      {"aten::replication_pad1d", check_lengths},
      {"aten::replication_pad1d_backward", check_lengths},
      {"aten::replication_pad2d", check_lengths},
      {"aten::replication_pad2d_backward", check_lengths},
      {"aten::replication_pad3d", check_lengths},
      {"aten::replication_pad3d_backward", check_lengths},
      {"aten::segment_reduce", check_segment_reduce},
      {"aten::view_copy", check_view_copy},
  };
  const auto found = checks.find(name);
  return found == checks.end() ? nullptr : found->second;
}

}  // namespace continual
