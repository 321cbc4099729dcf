#include "core/models/model_snapshot.h"

#include <algorithm>
#include <unordered_map>

namespace continual {
namespace {

bool is_plain(const at::Tensor& tensor) {
  return tensor.layout() == at::kStrided && !tensor.is_quantized() && tensor.unsafeGetTensorImpl()->has_storage() &&
         !tensor.is_meta();
}

/// The elements of neighbours in a storage, the first of which this is, as one tensor.
at::Tensor stretch(const at::Tensor& first, int64_t numel) {
  return first.as_strided({numel}, {1}, first.storage_offset());
}

/// Whether its elements lie in their order in one stretch of memory, as they are.
bool is_stretch(const at::Tensor& tensor) { return tensor.is_contiguous() && !tensor.is_conj() && !tensor.is_neg(); }

}  // namespace

ModelSnapshot::ModelSnapshot(const std::vector<torch::jit::Module>& modules, const std::vector<at::Tensor>& tensors) {
  ObjectCopies copies([this](const at::Tensor& original) { return add(original); });
  std::vector<at::Tensor> first;
  for (const torch::jit::Module& module : modules) {
    modules_.push_back(copies.of(module));
    for (const auto& parameter : module.named_parameters(/*recurse=*/true)) first.push_back(parameter.value);
  }
  for (const at::Tensor& tensor : tensors) tensors_.push_back(copies.of(tensor));
  objects_ = copies.objects();
  for (const ObjectCopies::Object& object : objects_) {
    attributes_.push_back(object.original->slots().size());
    set_eval(object.copy);
  }
  lay_out(first);
  shown_ = new_set();
  for (size_t i = 0; i < slots_.size(); ++i) slots_[i].copy.set_data(shown_.views[i]);
}

at::Tensor ModelSnapshot::add(const at::Tensor& original) {
  const bool is_flat = is_plain(original);
  const at::TensorOptions options = original.options().requires_grad(false);
  // Of its kind; its memory comes with `show`.
  const at::Tensor copy = is_flat ? at::empty({0}, options) : original.detach().clone();
  slots_.push_back(
      {original, copy, options, original.is_sparse() ? std::vector<int64_t>() : original.sizes().vec(), 0, 0, is_flat});
  return copy;
}

/// The tensors of `first` come first, in their order, in which a training step has laid them out.
void ModelSnapshot::lay_out(const std::vector<at::Tensor>& first) {
  std::unordered_map<at::TensorImpl*, size_t> places;
  for (const at::Tensor& tensor : first) places.emplace(tensor.unsafeGetTensorImpl(), places.size());
  const auto place = [&](const Slot& slot) {
    const auto found = places.find(slot.original.unsafeGetTensorImpl());
    return found == places.end() ? places.size() : found->second;
  };
  std::stable_sort(slots_.begin(), slots_.end(), [&](const Slot& a, const Slot& b) { return place(a) < place(b); });
  for (Slot& slot : slots_) {
    if (!slot.is_flat) continue;
    const auto fits = [&](const at::TensorOptions& options) {
      return options.dtype() == slot.options.dtype() && options.device() == slot.options.device();
    };
    slot.buffer = std::find_if(buffer_options_.begin(), buffer_options_.end(), fits) - buffer_options_.begin();
    if (slot.buffer == totals_.size()) {
      buffer_options_.push_back(slot.options);
      totals_.push_back(0);
    }
    slot.offset = totals_[slot.buffer];
    totals_[slot.buffer] += slot.original.numel();
  }
}

ModelSnapshot::Set ModelSnapshot::new_set() const {
  Set set;
  for (size_t i = 0; i < totals_.size(); ++i) set.buffers.push_back(at::empty({totals_[i]}, buffer_options_[i]));
  for (const Slot& slot : slots_) {
    set.views.push_back(
        slot.is_flat
            ? set.buffers[slot.buffer].narrow(0, slot.offset, c10::multiply_integers(slot.sizes)).view(slot.sizes)
            : slot.copy);
  }
  return set;
}

bool ModelSnapshot::is_held_by_others(const Set& set) const {
  std::vector<size_t> own(set.buffers.size(), 1);
  for (const Slot& slot : slots_) {
    if (slot.is_flat) ++own[slot.buffer];
  }
  for (size_t i = 0; i < own.size(); ++i) {
    if (set.buffers[i].storage().use_count() > own[i]) return true;
  }
  return false;
}

bool ModelSnapshot::fits(const std::vector<torch::jit::Module>& modules, const std::vector<at::Tensor>& tensors) const {
  std::vector<at::Tensor> found;
  ObjectCopies walk([&](const at::Tensor& tensor) {
    found.push_back(tensor);
    return tensor;
  });
  for (const torch::jit::Module& module : modules) walk.of(module);
  for (const at::Tensor& tensor : tensors) walk.of(tensor);
  if (walk.objects().size() != objects_.size() || found.size() != slots_.size()) return false;
  for (size_t i = 0; i < objects_.size(); ++i) {
    const torch::jit::ObjectPtr& object = walk.objects()[i].original;
    if (object != objects_[i].original || object->slots().size() != attributes_[i]) return false;
    if (objects_[i].copy->slots().size() != attributes_[i]) return false;
  }
  std::unordered_map<at::TensorImpl*, const Slot*> known;
  for (const Slot& slot : slots_) known.emplace(slot.original.unsafeGetTensorImpl(), &slot);
  for (const at::Tensor& tensor : found) {
    const auto slot = known.find(tensor.unsafeGetTensorImpl());
    if (slot == known.end()) return false;
    const auto& [original, copy, options, sizes, buffer, offset, is_flat] = *slot->second;
    if (is_plain(tensor) != is_flat || tensor.dtype() != options.dtype() || tensor.device() != options.device())
      return false;
    if (!is_flat) continue;
    if (tensor.sizes() != sizes || copy.sizes() != sizes) return false;
    if (!copy.is_alias_of(shown_.buffers[buffer]) || copy.storage_offset() != offset) return false;
  }
  return true;
}

void ModelSnapshot::fill() {
  const at::NoGradGuard no_grad;
  if (hidden_.views.empty() || is_held_by_others(hidden_)) hidden_ = new_set();
  for (size_t i = 0; i < slots_.size();) {
    const Slot& slot = slots_[i];
    if (!slot.is_flat) {
      hidden_.views[i++] = slot.original.detach().clone();
      continue;
    }
    int64_t numel = slot.original.numel();
    size_t next = i + 1;
    if (is_stretch(slot.original)) {
      while (next < slots_.size() && slots_[next].is_flat && slots_[next].buffer == slot.buffer &&
             is_stretch(slots_[next].original) && slots_[next].original.is_alias_of(slot.original) &&
             slots_[next].original.storage_offset() == slot.original.storage_offset() + numel) {
        numel += slots_[next++].original.numel();
      }
      hidden_.buffers[slot.buffer].narrow(0, slot.offset, numel).copy_(stretch(slot.original.detach(), numel));
    } else {
      hidden_.views[i].copy_(slot.original.detach());
    }
    i = next;
  }
}

void ModelSnapshot::show() {
  for (size_t i = 0; i < slots_.size(); ++i) slots_[i].copy.set_data(hidden_.views[i]);
  std::swap(shown_, hidden_);
  std::unordered_map<at::TensorImpl*, at::Tensor> known;
  for (const Slot& slot : slots_) known.emplace(slot.original.unsafeGetTensorImpl(), slot.copy);
  ObjectCopies others([&](const at::Tensor& tensor) {
    const auto found = known.find(tensor.unsafeGetTensorImpl());
    return found == known.end() ? tensor.detach().clone() : found->second;
  });
  for (const ObjectCopies::Object& object : objects_) others.add(object);
  for (const auto& [original, copy] : objects_) {
    for (size_t i = 0; i < original->slots().size(); ++i) {
      const c10::IValue& value = original->slots()[i];
      if (!value.isTensor() && !value.isObject()) copy->setSlot(i, others.of(value));
    }
    set_eval(copy);
  }
}

}  // namespace continual
