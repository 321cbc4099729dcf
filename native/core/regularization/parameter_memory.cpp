#include "core/regularization/parameter_memory.h"

#include <algorithm>
#include <unordered_map>

#include "core/regularization/penalty_kernels.h"

namespace continual {
namespace {

bool fits(const at::Tensor& from, const at::Tensor& to) {
  bool fits = from.dim() == to.dim();
  for (int64_t d = 0; fits && d < to.dim(); ++d) fits = from.size(d) <= to.size(d);
  return fits;
}

void copy_to_low_indices(const at::Tensor& from, at::Tensor to) {
  for (int64_t d = 0; d < to.dim(); ++d) to = to.narrow(d, 0, from.size(d));
  to.copy_(from);
}

FlatTensors zeros(const FlatTensors& like) {
  FlatTensors zeros;
  for (const at::Tensor& tensor : like) zeros.push_back(at::zeros_like(tensor));
  return zeros;
}

}  // namespace

void ParameterMemory::set(std::vector<Entry> entries) {
  entries_ = std::move(entries);
  flat_.reset();
  tensors_.clear();
  known_.clear();
}

void ParameterMemory::align(const std::shared_ptr<FlatParameters>& flat, const ThrowMisfit& throw_misfit) {
  if (flat_ == flat) return;
  const at::NoGradGuard no_grad;
  FlatTensors tensors = kind_ == Kind::kImportance ? no_importances(flat->values()) : zeros(flat->values());
  std::vector<bool> known(flat->slots().size(), false);
  std::unordered_map<std::string, size_t> slot_of;
  for (size_t i = 0; i < flat->slots().size(); ++i) {
    if (!flat->slots()[i].name.empty()) slot_of.emplace(flat->slots()[i].name, i);
  }
  std::vector<Entry> entries = entries_;
  for (auto& [name, values] : entries) {
    const auto found = slot_of.find(name);
    if (found == slot_of.end()) {
      values = values.clone();  // what has left the model shall not keep the whole of it
      continue;
    }
    const at::Tensor slice = flat->slice(tensors, found->second);
    if (!fits(values, slice)) throw_misfit(name, values, slice);
    copy_to_low_indices(values, slice);
    values = slice;
    known[found->second] = true;
  }
  entries_ = std::move(entries);
  tensors_ = std::move(tensors);
  known_ = std::move(known);
  flat_ = flat;
}

/// In model order, names that left the model last.
void ParameterMemory::know(const std::vector<bool>& slots) {
  std::vector<Entry> entries;
  std::unordered_map<std::string, bool> present;
  for (size_t i = 0; i < flat_->slots().size(); ++i) {
    const std::string& name = flat_->slots()[i].name;
    known_[i] = !name.empty() && (known_[i] || slots[i]);
    if (!known_[i]) continue;
    entries.push_back({name, flat_->slice(tensors_, i)});
    present.emplace(name, true);
  }
  for (const Entry& entry : entries_) {
    if (!present.count(entry.name)) entries.push_back(entry);
  }
  entries_ = std::move(entries);
}

void ParameterMemory::know_only(const std::vector<bool>& slots) {
  if (slots == known_ && entries_.size() == static_cast<size_t>(std::count(slots.begin(), slots.end(), true))) return;
  entries_.clear();
  known_.assign(slots.size(), false);
  know(slots);
}

void ParameterMemory::replace(FlatTensors tensors) {
  tensors_ = std::move(tensors);
  know(known_);
}

}  // namespace continual
