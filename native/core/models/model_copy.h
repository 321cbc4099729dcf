// A model as it is at one moment.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/torch.h"

namespace continual {

/// Holds tensors, lists and dicts of its own: while it is written the model itself may be trained, moved and changed.
/// Each tensor gets a storage of its own: a parameter that lies in a flat buffer would otherwise take the whole buffer
/// into the file. TorchScript's classes it shares: see `wait_for_copies`.
class ModelCopy {
 public:
  explicit ModelCopy(const torch::jit::Module& model);

  /// Throws ERR_MODEL_SAVE; what is then at `path` is of no use.
  void save(const std::string& path) const;
  /// The bytes of the file that `save` would write.
  std::string saved() const;

 private:
  void write(const std::function<size_t(const void*, size_t)>& output) const;

  std::shared_ptr<void> reading_;  // first: the classes must not change between copying and writing
  torch::jit::Module module_;
};

/// Before a class that a module has already gets another method or attribute: returns when no copy is left.
void wait_for_copies();

}  // namespace continual
