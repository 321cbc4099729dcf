// A phase that is one function.
#pragma once

#include "core/regularization/plugin_phase.h"

namespace continual {

class FunctionPhase final : public PluginPhase {
 public:
  using Function = std::function<void(const Iteration& iteration)>;

  /// @param name plugin and hook, for messages
  /// @param looks_anew whether the model may have got or lost parameters since they were laid out
  FunctionPhase(std::string name, Function function, bool looks_anew = false)
      : name_(std::move(name)), function_(std::move(function)), looks_anew_(looks_anew) {}

  void run(const Iteration& iteration) override { function_(iteration); }
  std::string name() const override { return name_; }
  bool may_find_other_parameters() const override { return looks_anew_; }

 private:
  std::string name_;
  Function function_;
  bool looks_anew_;
};

}  // namespace continual
