// What a method remembers of each parameter, under its name.
#pragma once

#include "core/flat_parameters.h"

namespace continual {

/// One tensor for each parameter that a method knows, laid out like the flat parameters it is used with. When the model
/// has grown, old values keep their low indices and the new elements are 0. Names that left the model stay.
class ParameterMemory {
 public:
  enum class Kind { kImportance, kParameter };
  explicit ParameterMemory(Kind kind) : kind_(kind) {}

  struct Entry {
    std::string name;
    at::Tensor values;  // in the parameter's shape; of a parameter that the model has a view of `tensors()`
  };
  const std::vector<Entry>& entries() const { return entries_; }
  /// Puts these in place of what was remembered: not copies.
  void set(std::vector<Entry> entries);
  bool empty() const { return entries_.empty(); }

  /// Follows the parameters. `throw_misfit(name, was, is)` is called for one that has become smaller.
  using ThrowMisfit = std::function<void(const std::string& name, const at::Tensor& was, const at::Tensor& is)>;
  void align(const std::shared_ptr<FlatParameters>& flat, const ThrowMisfit& throw_misfit);
  bool is_aligned(const std::shared_ptr<FlatParameters>& flat) const { return flat_ == flat; }
  /// From here on it knows these slots, but those that have no name.
  void know(const std::vector<bool>& slots);
  /// These alone.
  void know_only(const std::vector<bool>& slots);

  /// As it was aligned.
  const FlatTensors& tensors() const { return tensors_; }
  const std::vector<bool>& known() const { return known_; }
  const std::shared_ptr<FlatParameters>& flat() const { return flat_; }

  /// Others take the place of the tensors, in the same layout, so that copies of this memory keep theirs.
  void replace(FlatTensors tensors);

 private:
  Kind kind_;
  std::vector<Entry> entries_;
  std::shared_ptr<FlatParameters> flat_;  // the layout of the next two; null: there is none yet
  FlatTensors tensors_;
  std::vector<bool> known_;
};

}  // namespace continual
