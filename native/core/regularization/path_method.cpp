#include "core/regularization/path_method.h"

#include <algorithm>

#include "core/error.h"

namespace continual {

std::vector<bool> PathMethod::allowed(const FlatParameters& flat) const {
  std::vector<bool> allowed;
  for (const ParameterSlot& slot : flat.slots()) {
    const bool is_excluded = std::find(excluded_.begin(), excluded_.end(), slot.name) != excluded_.end();
    allowed.push_back(!slot.name.empty() && slot.parameter.requires_grad() && !is_excluded);
  }
  return allowed;
}

void PathMethod::align(const std::shared_ptr<FlatParameters>& flat, std::initializer_list<ParameterMemory*> memories) const {
  const MethodNames& names = penalty_->names();
  for (ParameterMemory* memory : memories) {
    memory->align(flat, [&](const std::string& name, const at::Tensor& was, const at::Tensor& is) {
      throw Error(names.shape_code, names.method + ": expected parameter \"" + name + "\" to keep its shape " +
                                        c10::str(was.sizes()) + " or to grow, got " + c10::str(is.sizes()));
    });
  }
}

std::vector<Run> runs_of(const FlatParameters& flat, const std::vector<bool>& chosen, bool with_grad) {
  return flat.runs([&](size_t slot) -> int64_t {
    return chosen[slot] && (!with_grad || flat.slots()[slot].parameter.grad().defined()) ? 0 : -1;
  });
}

void add_product(const at::Tensor& sum, const at::Tensor& a, const at::Tensor& b, double factor, bool b_may_be_zero) {
  const at::ScalarType type = sum.scalar_type();
  if (b_may_be_zero) return add_product(sum, at::where(b == 0, at::zeros({}, a.options()), a), b, factor);
  if (a.is_complex()) sum.add_(at::real(a.conj() * b).to(type), factor);
  else sum.addcmul_(a.to(type), b.to(type), factor);
}

}  // namespace continual
