#include "core/regularization/distillation.h"

#include <algorithm>

#include "core/error.h"

namespace continual {
namespace {

const at::Tensor& one_input(const std::string& where, const MiniBatch& batch) {
  if (batch.x.form == Inputs::Form::kOne) return batch.x.tensors.front();
  throw Error("ERR_DISTILLATION", where + ": expected one input, got several");
}

void add_to_loss(const Iteration& iteration, const at::Tensor& value) {
  iteration.loss.add_(value);
  Penalties::add(iteration.penalties.added, value.detach().to(iteration.loss.scalar_type()).view({1}));
}

/// KL(q || p), the mean over the rows, of these classes.
at::Tensor divergence(const at::Tensor& student, const at::Tensor& teacher, const at::Tensor& classes, double temperature) {
  const at::Tensor log_p = at::log_softmax(student.index_select(1, classes) / temperature, 1);
  const at::Tensor q = at::softmax(teacher.index_select(1, classes) / temperature, 1);
  return at::kl_div(log_p, q, at::Reduction::Sum) / static_cast<double>(std::max<int64_t>(student.size(0), 1));
}

}  // namespace

OutputDistillation::Outputs OutputDistillation::outputs(Model& model, const Iteration& iteration) const {
  if (!options_.is_multi_task) return {{0, model.forward(iteration.batch.x, iteration.batch.task_id)}};
  Outputs outputs;
  for (auto& [task, output] : model.forward_all_tasks(one_input(name(), iteration.batch))) outputs.emplace(task, output);
  return outputs;
}

void OutputDistillation::run(const Iteration& iteration) {
  Outputs teacher;
  {
    const at::NoGradGuard no_grad;
    teacher = outputs(*teacher_, iteration);
  }
  const Outputs student = options_.is_multi_task ? outputs(*student_, iteration) : Outputs{{0, iteration.output}};
  at::Tensor sum;
  for (const auto& [task, of_teacher] : teacher) {
    const auto classes = options_.classes.find(task);
    if (classes == options_.classes.end() || classes->second.empty()) continue;
    const auto of_student = student.find(task);
    const auto [smallest, last] = std::minmax_element(classes->second.begin(), classes->second.end());
    const int64_t largest = *last;
    const auto has_classes = [&, first = *smallest](const at::Tensor& output) {
      return output.dim() >= 2 && first >= 0 && output.size(1) > largest;
    };
    if (of_student == student.end() || !has_classes(of_teacher) || !has_classes(of_student->second)) {
      throw Error("ERR_DISTILLATION",
                  name() + ": expected model and teacher to have outputs [B, C] of the classes up to " +
                      std::to_string(largest) + " that task " + std::to_string(task) + " has shown, got " +
                      (of_student == student.end() ? std::string("no head of that task") : c10::str(of_student->second.sizes())) +
                      " of the model and " + c10::str(of_teacher.sizes()) + " of the teacher");
    }
    at::Tensor& columns = columns_[task];
    if (!columns.defined()) columns = at::tensor(classes->second, at::kLong).to(of_teacher.device());
    const at::Tensor part = divergence(of_student->second, of_teacher, columns, options_.temperature);
    sum = sum.defined() ? sum + part : part;
  }
  if (sum.defined()) add_to_loss(iteration, sum * options_.alpha);
}

void FeatureDistillation::run(const Iteration& iteration) {
  const at::Tensor& input = one_input(name(), iteration.batch);
  const auto features = [&](Model& model) {
    model.train(false);
    const c10::IValue features = model.call(model.method("get_features"), {input});
    if (features.isTensor()) return features.toTensor();
    throw Error("ERR_DISTILLATION", name() + ": expected get_features to give a tensor");
  };
  const at::Tensor of_student = features(*student_);
  at::Tensor of_teacher;
  {
    const at::NoGradGuard no_grad;
    of_teacher = features(*teacher_);
  }
  if (of_student.sizes() != of_teacher.sizes()) {
    throw Error("ERR_DISTILLATION", name() + ": expected features of the teacher's shape " + c10::str(of_teacher.sizes()) +
                                        ", got " + c10::str(of_student.sizes()));
  }
  add_to_loss(iteration, at::mse_loss(of_student, of_teacher) * lambda_);
}

}  // namespace continual
