// How much there is to do: large work is worth libtorch's thread team and the way to the thread that has it, some 50
// microseconds there and back; light work is not worth the way to any other thread.
#pragma once

#include "core/torch.h"

namespace continual {

/// Of work that passes over so many elements.
inline bool is_large_pass(int64_t elements) { return elements >= int64_t{1} << 20; }

/// No more than libtorch's operators leave to one thread: it gives the same bits on any.
inline bool is_light_pass(int64_t elements) { return elements <= 16384; }

/// Of a product of two tensors: rows of the left one times elements of the right one, about as many multiplications.
inline bool is_large_product(const at::Tensor& left, const at::Tensor& right) {
  if (left.dim() == 0) return false;
  return left.numel() / std::max<int64_t>(left.size(-1), 1) * right.numel() >= int64_t{1} << 23;
}

/// Of what a model's method does with these inputs: more than one operator, as a rule.
bool is_large_forward(c10::ArrayRef<c10::IValue> inputs);

/// Whether an operator ("aten::mm") multiplies tensors, or solves for one: it does much more than pass over elements.
bool multiplies(const std::string& name);

/// Of one call. `is_tensor` says of each argument whether the operator wants a tensor there, none that may be left out.
bool is_large_call(bool multiplies, const std::vector<bool>& is_tensor, const torch::jit::Stack& arguments);

}  // namespace continual
