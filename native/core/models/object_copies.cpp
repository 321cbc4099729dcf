#include "core/models/object_copies.h"

namespace continual {

c10::IValue ObjectCopies::of(const c10::IValue& value) {
  if (value.isTensor()) return of(value.toTensor());
  if (!value.isList() && !value.isGenericDict() && !value.isTuple() && !value.isObject()) return value;
  const auto known = copies_.find(value);
  if (known != copies_.end()) return known->second;
  return value.isList() ? of_list(value) : value.isObject() ? of_object(value) : of_others(value);
}

at::Tensor ObjectCopies::of(const at::Tensor& tensor) {
  if (!tensor.defined()) return tensor;
  const auto known = tensors_.find(tensor.unsafeGetTensorImpl());
  if (known != tensors_.end()) return known->second;
  return tensors_[tensor.unsafeGetTensorImpl()] = copy_tensor_(tensor);
}

void ObjectCopies::add(const Object& known) {
  objects_.push_back(known);
  copies_.emplace(c10::IValue(known.original), c10::IValue(known.copy));
}

// What may hold itself is known before its contents are copied.

c10::IValue ObjectCopies::of_object(const c10::IValue& value) {
  const torch::jit::ObjectPtr copy = value.toObject()->copy();
  add({value.toObject(), copy});
  for (size_t i = 0; i < copy->slots().size(); ++i) copy->setSlot(i, of(copy->getSlot(i)));
  return copy;
}

c10::IValue ObjectCopies::of_list(const c10::IValue& value) {
  const auto list = value.toList();
  c10::impl::GenericList copy(list.elementType());
  copies_.emplace(value, copy);
  copy.reserve(list.size());
  for (const c10::IValue& item : list.vec()) copy.push_back(of(item));
  return copy;
}

c10::IValue ObjectCopies::of_others(const c10::IValue& value) {
  if (value.isGenericDict()) {
    const auto dict = value.toGenericDict();
    c10::impl::GenericDict copy(dict.keyType(), dict.valueType());
    copies_.emplace(value, copy);
    for (const auto& entry : dict) copy.insert(of(entry.key()), of(entry.value()));
    return copy;
  }
  const auto& tuple = value.toTupleRef();
  std::vector<c10::IValue> elements;
  for (const c10::IValue& item : tuple.elements()) elements.push_back(of(item));
  return copies_.emplace(value, c10::ivalue::Tuple::createNamed(std::move(elements), tuple.type())).first->second;
}

void set_eval(const torch::jit::ObjectPtr& object) {
  if (const auto slot = object->type()->findAttributeSlot("training")) object->setSlot(*slot, false);
}

}  // namespace continual
