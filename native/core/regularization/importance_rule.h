// What the methods that measure importances in passes over the data differ in.
#pragma once

#include <map>
#include <variant>

#include "core/regularization/plugin_phase.h"

namespace continual {

/// What is measured of a mini-batch, and how the passes over several experiences become one importance. A rule is a
/// file of this folder that makes itself known, as mas.cpp does; nothing else names it.
class ImportanceRule {
 public:
  virtual ~ImportanceRule() = default;

  /// Differentiates a quantity of the mini-batch with respect to the parameters, whose gradients are undefined before.
  virtual void differentiate(const Iteration& iteration) const = 0;

  /// sum += what the gradient of a parameter says, element by element. Both are 1-d, or in the parameter's shape where
  /// the gradient is sparse; `sum` is of the `importance_type` of the gradient.
  virtual void accumulate(const at::Tensor& sum, const at::Tensor& gradient) const = 0;

  /// As how many a mini-batch of that many samples counts in the mean.
  virtual int64_t weight(int64_t /*samples*/) const { return 1; }

  /// Where importances are of single samples: derivatives d l_k / dF of each sample's own l_k, row by row in the shape of the
  /// output, in place of `differentiate`; what each of them says is added up.
  virtual std::vector<at::Tensor> sample_gradients(const Iteration& /*iteration*/) const { return {}; }
  virtual bool is_of_samples() const { return false; }

  /// What `accumulate` adds: of products the product, real and not negative.
  virtual at::Tensor of(const at::Tensor& gradient) const { return gradient.abs(); }

  /// Changes the importance, in place, by what a later pass has measured: the mean of its mini-batches' sums. Both are
  /// 1-d; the measured one may be overwritten.
  virtual void merge(const at::Tensor& importance, const at::Tensor& measured) const = 0;

  /// Whether an experience's quadratic is added to the earlier ones', each anchored where it was, in place of a merge of
  /// importances that are anchored anew.
  virtual bool adds_quadratics() const { return false; }

  /// What part of it a parameter keeps that is measured for the first time.
  virtual double share_of_first(bool /*is_first_experience*/) const { return 1; }

  using Option = std::variant<double, std::string, std::vector<int64_t>>;
  using Options = std::map<std::string, Option>;
  using Make = std::function<std::unique_ptr<ImportanceRule>(const Options& options)>;

  /// A static one of these makes a rule known under a name, with the options that it takes: those that it needs, and
  /// those that may be left out.
  struct Known {
    Known(const std::string& name, std::vector<std::string> options, Make make, Options defaults = {});
  };

  /// Throws ERR_INVALID_ARG_VALUE where no rule is known under the name or an option is missing, ERR_UNKNOWN_OPTION.
  static std::unique_ptr<ImportanceRule> make(const std::string& name, const Options& options);

  /// The option as what it has to be. Throws ERR_INVALID_ARG_TYPE.
  static double number(const Options& options, const std::string& name);
  static std::vector<int64_t> indices(const Options& options, const std::string& name);
  /// The place of the option among `values`. Throws ERR_INVALID_ARG_VALUE.
  static size_t choice(const Options& options, const std::string& name, const std::vector<std::string>& values);
};

}  // namespace continual
