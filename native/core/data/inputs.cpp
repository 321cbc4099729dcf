#include "core/data/inputs.h"

namespace continual {

std::string describe(const at::Tensor& tensor) {
  if (!tensor.defined()) return "nothing";
  return std::string(c10::getDtypeNames(tensor.scalar_type()).first) + " " + c10::str(tensor.sizes());
}

std::string describe(const Inputs& inputs) {
  if (!inputs.defined()) return "nothing";
  if (inputs.form == Inputs::Form::kOne) return describe(inputs.tensors.front());
  std::string items;
  for (size_t i = 0; i < inputs.tensors.size(); ++i) {
    items += i > 0 ? ", " : "";
    if (inputs.names) items += (*inputs.names)[i] + ": ";
    items += describe(inputs.tensors[i]);
  }
  return inputs.names ? "{ " + items + " }" : "[" + items + "]";
}

}  // namespace continual
