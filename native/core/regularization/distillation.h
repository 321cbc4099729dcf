// What keeps a model near to its teacher, itself as it was behind the latest experience, on the data that it learns now.
#pragma once

#include <map>

#include "core/models/model.h"
#include "core/regularization/plugin_phase.h"

namespace continual {

/// Learning without Forgetting (Li, Hoiem, ECCV 2016, arXiv 1606.09282): adds to the loss
///   alpha sum_tasks 1/B sum_x KL( softmax(teacher(x) / T) || softmax(student(x) / T) )
/// over the classes that each task has shown. Of a multi-task model all heads are asked; other models have task 0 alone.
class OutputDistillation final : public PluginPhase {
 public:
  struct Options {
    std::string plugin;
    double alpha = 1;
    double temperature = 2;
    bool is_multi_task = false;
    std::map<int64_t, std::vector<int64_t>> classes;  // by task
  };
  OutputDistillation(std::shared_ptr<Model> student, std::shared_ptr<Model> teacher, Options options)
      : student_(std::move(student)), teacher_(std::move(teacher)), options_(std::move(options)) {}

  /// Throws ERR_DISTILLATION where the two have other outputs.
  void run(const Iteration& iteration) override;
  std::string name() const override { return options_.plugin + ".beforeBackward"; }
  const char* error_code() const override { return "ERR_DISTILLATION"; }

 private:
  using Outputs = std::map<int64_t, at::Tensor>;
  Outputs outputs(Model& model, const Iteration& iteration) const;

  std::shared_ptr<Model> student_, teacher_;
  Options options_;
  std::map<int64_t, at::Tensor> columns_;  // of the classes, where the outputs are
};

/// Less-Forgetful Learning (Jung, Ju, Jung, Kim, arXiv 1607.00122): adds to the loss, features being what `get_features`
/// gives in eval mode, F of them,
///   lambda / (B F) sum ||features(x) - teacher's features(x)||^2
class FeatureDistillation final : public PluginPhase {
 public:
  FeatureDistillation(std::shared_ptr<Model> student, std::shared_ptr<Model> teacher, std::string plugin, double lambda)
      : student_(std::move(student)), teacher_(std::move(teacher)), plugin_(std::move(plugin)), lambda_(lambda) {}

  /// Leaves both in eval mode. Throws ERR_DISTILLATION where the two have other features.
  void run(const Iteration& iteration) override;
  std::string name() const override { return plugin_ + ".beforeBackward"; }
  const char* error_code() const override { return "ERR_DISTILLATION"; }

 private:
  std::shared_ptr<Model> student_, teacher_;
  std::string plugin_;
  double lambda_;
};

}  // namespace continual
