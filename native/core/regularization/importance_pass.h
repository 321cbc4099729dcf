// A pass over an experience's data that measures importances by a rule, and hands them to a penalty.
#pragma once

#include "core/regularization/importance_rule.h"
#include "core/regularization/quadratic_penalty.h"

namespace continual {

/// What an experience's importance is made of, whatever the rule.
struct ImportanceOptions {
  std::vector<std::string> excluded;  // parameters that nothing shall hold
  enum class Unseen { kMerge, kKeep } unseen = Unseen::kMerge;
  enum class Normalize { kNone, kMean, kMax } normalize = Normalize::kNone;
  bool keeps_measured = false;
  std::string operation = "ImportancePass";  // who measures, in messages
};

/// A pass begins, accumulates mini-batches, and ends: only then does the penalty's memory change. What the last
/// mini-batch's gradients were stands in the parameters' afterwards, as the reference leaves it behind.
///
/// Throws ERR_CALL_ORDER where no pass has begun, and where the parameters are no longer what they were then;
/// ERR_EMPTY_EXPERIENCE where a pass ends that has seen no mini-batch; ERR_IMPORTANCE at the end of a pass in which a
/// gradient was NaN or infinite (on the CPU at its mini-batch), with nothing changed. Where importances are of samples, ERR_SAMPLES_MEET
/// where samples are normalised with one another, and ERR_IMPORTANCE where `needs_single_samples`: mini-batches of one
/// sample are always measured.
class ImportancePass {
 public:
  ImportancePass(std::unique_ptr<const ImportanceRule> rule, std::shared_ptr<QuadraticPenalty> penalty,
                 ImportanceOptions options = {})
      : rule_(std::move(rule)), penalty_(std::move(penalty)), options_(std::move(options)) {}

  void begin(const std::shared_ptr<FlatParameters>& flat);
  void accumulate(const Iteration& iteration);
  /// The first experience's takes the place of all that was remembered; a later one needs that there is something.
  void end(const std::shared_ptr<FlatParameters>& flat, bool first_experience);

  /// How it ends is said by its name: `kReplace` what was remembered, or `kMerge` with it.
  enum class Stage { kBegin, kAccumulate, kReplace, kMerge };
  /// As a phase, which lives as long as it is used.
  static std::shared_ptr<PluginPhase> phase(const std::shared_ptr<ImportancePass>& pass, Stage stage);

  const std::string& operation() const { return options_.operation; }
  bool is_of_samples() const { return rule_->is_of_samples(); }
  /// Whether the latest mini-batch was given up because it could not be proven that its samples are apart.
  bool needs_single_samples() const { return needs_single_samples_; }
  /// What the latest pass to come to its end has measured, normalised, before it was merged; empty unless `keeps_measured`.
  const std::vector<std::pair<std::string, at::Tensor>>& measured() const { return measured_; }

 private:
  void look_for_nan();
  [[noreturn]] void throw_not_finite(int64_t mini_batch) const;
  void normalize(const FlatTensors& sum) const;
  void accumulate_mini_batch(const Iteration& iteration);
  void accumulate_samples(const Iteration& iteration, int64_t samples);
  void require(const std::shared_ptr<FlatParameters>& flat) const;

  std::unique_ptr<const ImportanceRule> rule_;
  std::shared_ptr<QuadraticPenalty> penalty_;
  ImportanceOptions options_;

  std::shared_ptr<FlatParameters> flat_;  // the layout of the pass that is under way; null: there is none
  FlatTensors sum_;
  std::vector<at::Tensor> slices_;  // of it, by slot
  int64_t mini_batches_ = 0;
  int64_t weight_ = 0;  // of all of them
  at::Tensor finite_;   // mini-batches up to which all was finite, where the host shall not read
  std::atomic<bool> needs_single_samples_ = false;
  std::vector<at::Tensor> latest_;  // gradients of the latest mini-batch, by slot
  std::vector<std::pair<std::string, at::Tensor>> measured_;
};

}  // namespace continual
