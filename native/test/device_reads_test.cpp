// Tests of the iteration on a device: what it leaves there unread, and the same results. The CPU may stand for one.
#include "core/compute/device_reads.h"

#include <limits>
#include <optional>

#include "core/error.h"
#include "core/optimizers/adagrad.h"
#include "core/optimizers/adam.h"
#include "core/optimizers/rmsprop.h"
#include "core/optimizers/sgd.h"
#include "core/regularization/proximal_penalty.h"
#include "core/training/training_step.h"
#include "test/check.h"
#include "test/mas.h"
#include "test/read_counter.h"

namespace continual::test {
namespace {

using Rule = std::shared_ptr<const UpdateRule>;

constexpr int64_t kBatch = 4;
constexpr int64_t kBatches = 12;
constexpr std::chrono::milliseconds kNoHurry{std::chrono::hours(1)};
const std::atomic<bool> never{false};

const std::vector<Rule>& rules() {
  static const std::vector<Rule> all{
      std::make_shared<Sgd>(SgdOptions{.lr = 0.1}),
      std::make_shared<Sgd>(SgdOptions{.lr = 0.1, .momentum = 0.9, .dampening = 0.5, .weight_decay = 0.01}),
      std::make_shared<Adam>(AdamOptions{}),
      std::make_shared<Adam>(AdamOptions{.weight_decay = 0.1, .amsgrad = true, .decoupled_weight_decay = true}),
      std::make_shared<Adagrad>(AdagradOptions{.lr_decay = 0.1, .initial_accumulator_value = 0.5}),
      std::make_shared<Rmsprop>(RmspropOptions{}),
      std::make_shared<Rmsprop>(RmspropOptions{.momentum = 0.5, .centered = true}),
  };
  return all;
}

/// On which the host's reads are not free.
at::Device device = at::kCPU;

struct Settings {
  Rule rule = rules().front();
  at::ScalarType dtype = at::kFloat;
  double lambda = 0;  // of MAS, where not 0
  bool is_proximal = false;
  std::optional<int64_t> nan_in = {};
  std::optional<int64_t> wrong_label_in = {};
};

/// A classifier of four classes that has learned one experience, about to learn another.
struct Run {
  explicit Run(const Settings& settings, const at::Device& on = at::kCPU) {
    torch::manual_seed(4);
    auto module = linear(5, 4);
    module.to(on, settings.dtype);
    model = std::make_shared<Model>(std::move(module));
    optimizer = std::make_shared<Optimizer>(
        std::vector<ParameterGroup>{{.parameters = model->named_parameters(), .rule = settings.rule}});
    step.emplace(model, optimizer, CrossEntropy{}, on);
    step->lay_out();
    dataset->inputs = at::randn({kBatch * kBatches, 5}).to(settings.dtype);
    dataset->targets = at::randint(4, {kBatch * kBatches}, at::kLong);
    dataset->task_labels = at::zeros({}, at::kLong);
    plan = {{Phase::kFetch, nullptr},
            {Phase::kZeroGrad, nullptr},
            {Phase::kForward, nullptr},
            {Phase::kCriterion, nullptr}};
    if (settings.lambda > 0) {
      const Mas mas(settings.lambda, /*alpha=*/0.5);
      open();
      run_once(*step, mas, Mas::Stage::kBegin);
      step->run(mas.mini_batch(), true, 1000, kNoHurry, never);
      run_once(*step, mas, Mas::Stage::kReplace);
      step->close();
      penalty = mas.penalty;
    }
    if (penalty && !settings.is_proximal) plan.push_back({Phase::kPlugin, penalty});
    plan.insert(plan.end(), {{Phase::kBackward, nullptr}, {Phase::kUpdate, nullptr}});
    if (penalty && settings.is_proximal) plan.push_back({Phase::kPlugin, proximal_phase(penalty)});
    plan.push_back({Phase::kMeasureAccuracy, nullptr});
    if (settings.nan_in)
      dataset->inputs.tensors[0][*settings.nan_in * kBatch][2] = std::numeric_limits<double>::quiet_NaN();
    if (settings.wrong_label_in) dataset->targets[*settings.wrong_label_in * kBatch] = 9;
    open();
  }

  void open() {
    step->open();
    step->load(std::make_shared<MiniBatches>(dataset, Sampling{.batch_size = kBatch}));
  }

  TrainingStep::Progress train(int64_t iterations = 1000) { return step->run(plan, true, iterations, kNoHurry, never); }

  std::shared_ptr<Model> model;
  std::shared_ptr<Optimizer> optimizer;
  std::optional<TrainingStep> step;
  std::shared_ptr<Dataset> dataset = std::make_shared<Dataset>();
  std::vector<PlannedPhase> plan;
  std::shared_ptr<QuadraticPenalty> penalty;
};

std::string message_of(const std::exception_ptr& thrown) {
  try {
    if (thrown) std::rethrow_exception(thrown);
  } catch (const Error& error) {
    return error.code() + ": " + error.what();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

/// The same numbers; between operators and a kernel of our own `by` may lie.
void expect_same(const Run& a, const Run& b, double by = 0) {
  const auto same = [by](const at::Tensor& one, const at::Tensor& other) {
    return one.sizes() == other.sizes() && at::allclose(one.cpu(), other.cpu(), by, by, /*equal_nan=*/true);
  };
  const auto ours = a.optimizer->parameters(), theirs = b.optimizer->parameters();
  for (size_t i = 0; i < ours.size(); ++i) {
    EXPECT(same(ours[i], theirs[i]));
    const auto state = a.optimizer->state(ours[i]), other = b.optimizer->state(theirs[i]);
    EXPECT(state.has_value() == other.has_value());
    if (!state || !other) continue;
    EXPECT(state->steps == other->steps);
    for (size_t t = 0; t < state->tensors.size(); ++t) EXPECT(same(state->tensors[t].second, other->tensors[t].second));
  }
  const RunningStatistics sums = a.step->statistics(), others = b.step->statistics();
  EXPECT(sums.samples == others.samples && sums.correct == others.correct && sums.compared == others.compared);
  EXPECT(std::abs(sums.loss_sum - others.loss_sum) <= by * std::abs(sums.loss_sum));
  EXPECT(std::abs(sums.added_penalty_sum - others.added_penalty_sum) <= by * std::abs(sums.added_penalty_sum));
}

/// A penalty on a device is summed up by operators; a device of its own has kernels of its own.
double tolerance(const Settings& settings) {
  if (!device.is_cpu()) return settings.dtype == at::kBFloat16 ? 0.05 : 1e-4;
  return settings.lambda > 0 ? 1e-5 : 0;
}

int64_t reads_in(Run& run, int64_t iterations) {
  const ReadCounter counter;
  EXPECT(run.train(iterations).iterations == iterations);
  return counter.reads();
}

void an_iteration_that_nobody_listens_to_reads_nothing() {
  for (const double lambda : {0., 2.}) {
    Run here({.lambda = lambda});
    // Loss check, its share of the sum, correct predictions; the factor of the penalty's gradient, its share of the
    // sum.
    EXPECT(reads_in(here, 5) == 5 * (lambda == 0 ? 3 : 5));

    for (const Rule& rule : rules()) {
      for (const bool is_proximal : {false, true}) {
        const CpuAsDevice there;
        Run run({.rule = rule, .lambda = lambda, .is_proximal = is_proximal}, device);
        EXPECT(reads_in(run, 3) == 1);  // the job's end
        EXPECT(reads_in(run, 7) == 1);
        const ReadCounter counter;
        run.step->statistics();
        EXPECT(counter.reads() == (lambda > 0 && !is_proximal ? 3 : 2));
      }
    }
  }
}

void an_importance_pass_and_an_evaluation_read_when_they_end() {
  const CpuAsDevice there;
  Run run({}, device);
  Mas mas(1, 0.5);
  const std::vector<PlannedPhase> evaluation{
      {Phase::kFetch, nullptr}, {Phase::kForward, nullptr}, {Phase::kCriterion, nullptr}, {Phase::kMeasure, nullptr}};
  {
    const ReadCounter counter;
    run_once(*run.step, mas, Mas::Stage::kBegin);
    EXPECT(run.step->run(mas.mini_batch(), true, 1000, kNoHurry, never).iterations == kBatches);
    EXPECT(counter.reads() == 0);
    run_once(*run.step, mas, Mas::Stage::kReplace);
    EXPECT(counter.reads() == 1);  // whether all was finite
  }
  run.open();
  const ReadCounter counter;
  EXPECT(run.step->run(evaluation, /*grad_enabled=*/false, kBatches, kNoHurry, never).iterations == kBatches);
  EXPECT(counter.reads() == 0);
  EXPECT(run.step->run(evaluation, /*grad_enabled=*/false, 1000, kNoHurry, never).exhausted);
  EXPECT(counter.reads() == 2);  // the two sums, when the pass has ended
  run.step->statistics();
  EXPECT(counter.reads() == 2);
}

void the_numbers_are_those_of_the_cpu() {
  for (const Rule& rule : rules()) {
    for (const at::ScalarType dtype : {at::kFloat, at::kDouble, at::kBFloat16}) {
      for (const double lambda : {0., 2.}) {
        for (const bool is_proximal : {false, true}) {
          if (lambda > 0 && dtype == at::kBFloat16) continue;  // rounded elsewhere
          const Settings settings{.rule = rule, .dtype = dtype, .lambda = lambda, .is_proximal = is_proximal};
          Run here(settings);
          here.train();
          const CpuAsDevice there;
          Run run(settings, device);
          const TrainingStep::Progress progress = run.train();
          EXPECT(progress.iterations == kBatches && progress.exhausted && !progress.error);
          expect_same(here, run, tolerance(settings));
        }
      }
    }
  }
}

void a_loss_that_is_not_finite_reaches_nothing_and_is_told_as_on_the_cpu() {
  for (const Rule& rule : rules()) {
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      for (const int64_t bad : {int64_t{0}, int64_t{5}, kBatches - 1}) {
        const Settings settings{.rule = rule, .dtype = dtype, .nan_in = bad};
        Run here(settings);
        const TrainingStep::Progress expected = here.train();
        const CpuAsDevice there;
        Run run(settings, device);
        const TrainingStep::Progress progress = run.train();
        EXPECT(progress.iterations == bad && expected.iterations == bad && !progress.exhausted);
        EXPECT(message_of(progress.error).find("ERR_LOSS_NOT_FINITE: ") == 0);
        EXPECT(message_of(progress.error) == message_of(expected.error));
        EXPECT(message_of(progress.error).find("the mini-batch holds NaN") != std::string::npos);
        EXPECT(
            at::allclose(run.step->batch.x.tensors[0].cpu(), here.step->batch.x.tensors[0], 0, 0, /*equal_nan=*/true));
        for (const at::Tensor& parameter : run.optimizer->parameters()) EXPECT(!parameter.grad().defined());
        expect_same(here, run, tolerance(settings));

        // What has been mended is trained on, as if nothing had been.
        for (Run* each : {&here, &run}) {
          each->dataset->inputs.tensors[0].nan_to_num_();
          each->open();
        }
        EXPECT(run.train().iterations == kBatches);
        here.train();
        expect_same(here, run, tolerance(settings));
      }
    }
  }
}

void updates_of_a_bad_job_leave_every_bit() {
  for (const Rule& rule : rules()) {
    const CpuAsDevice there;
    for (const double lambda : {0., 2.}) {
      const Settings good{.rule = rule, .lambda = lambda, .is_proximal = true};
      Settings bad = good;
      bad.nan_in = 5;
      Run until(good, device), run(bad, device);
      until.train(5);
      run.train();
      expect_same(until, run);
    }
  }
}

void an_overflow_under_mas_is_told_with_advice() {
  const Settings settings{.lambda = 1e6};
  Run here(settings);
  const TrainingStep::Progress expected = here.train();
  const CpuAsDevice there;
  Run run(settings, device);
  const TrainingStep::Progress progress = run.train();
  EXPECT(progress.iterations == expected.iterations && progress.iterations > 0 && progress.iterations < kBatches);
  EXPECT(message_of(progress.error) == message_of(expected.error));
  EXPECT(message_of(progress.error).find("a smaller one is meant") != std::string::npos);
}

void what_fails_behind_a_bad_loss_comes_too_late() {
  const CpuAsDevice there;
  Run run({.nan_in = 3, .wrong_label_in = 6}, device);
  const TrainingStep::Progress progress = run.train();
  EXPECT(progress.iterations == 3 && message_of(progress.error).find("ERR_LOSS_NOT_FINITE") == 0);
  Run other({.nan_in = 6, .wrong_label_in = 3}, device);
  const TrainingStep::Progress before = other.train();
  EXPECT(before.iterations == 3 && message_of(before.error).find("ERR_LABEL_RANGE") == 0);
}

void a_guard_that_is_full_is_looked_at_and_goes_on_counting() {
  LossGuard guard(at::kCPU, /*most_bytes=*/100);
  const auto watch = [&](double loss) {
    Moment moment;
    moment.output = at::zeros({10});
    moment.loss = at::full({1}, loss);
    guard.watch(std::move(moment));
  };
  for (const double loss : {1., 2., 3.}) watch(loss);
  EXPECT(guard.is_full());
  EXPECT(!guard.look() && !guard.is_full());
  watch(4);
  EXPECT(guard.found_inf().item<float>() == 0);
  watch(std::numeric_limits<double>::infinity());
  watch(5);
  EXPECT(guard.found_inf().item<float>() == 1);
  const auto found = guard.look();
  EXPECT(found && found->iteration == 4 && found->updates == 1);
  EXPECT(found && std::isinf(found->moment.loss.item<double>()));
}

/// One after the other: `loss` scaled, gradients there before the penalty, or between it and backward.
void a_penalty_that_nobody_reads_has_the_cpus_gradient() {
  struct Case {
    at::ScalarType dtype;
    double lambda;
    double by;  // how far the gradients may be apart
  };
  // 0.1 is no float32, and in float16 an importance times a small distance is nothing before lambda has its turn.
  for (const auto& [dtype, lambda, by] : std::vector<Case>{{at::kFloat, 3, 1e-5},
                                                           {at::kDouble, 0.1, 1e-12},
                                                           {at::kBFloat16, 3, 0.02},
                                                           {at::kHalf, 1e6, 2e-3},
                                                           {at::kComplexFloat, 3, 1e-5}}) {
    const double step = dtype == at::kHalf ? 1e-3 : 1;
    for (const double factor : {1., 0.5}) {
      for (const int grads : {0, 1, 2}) {
        const auto gradients = [&] {
          torch::manual_seed(6);
          const at::Tensor weight = at::randn({70}, dtype).set_requires_grad(true);
          const auto flat = FlatParameters::create({{"w", weight}, {"frozen", at::randn({3}, dtype)}});
          Mas mas(lambda, /*alpha=*/0.5);
          mas.pass->begin(flat);
          // Importances below 1e-4 in float16, so that lambda does not reach beyond it.
          mas.accumulate(
              flat, at::abs(weight * at::randn({4, 70}).to(dtype)).to(at::kFloat) * (dtype == at::kHalf ? 1e-3 : 1));
          mas.pass->end(flat, true);
          {
            const at::NoGradGuard no_grad;
            weight.add_(at::randn({70}, dtype), step);
          }
          const auto grad_of = [&] { weight.mutable_grad() = at::randn({70}, dtype); };
          weight.mutable_grad().reset();
          if (grads == 1) grad_of();
          at::Tensor loss = at::zeros({1});
          mas.penalty->add_to(loss, flat);
          if (grads == 2) grad_of();
          (loss * factor).backward();
          return std::pair(loss.detach(), weight.grad().clone());
        };
        const auto [value, gradient] = gradients();
        const CpuAsDevice there;
        const auto [other_value, other_gradient] = gradients();
        EXPECT(value.sizes() == other_value.sizes() && at::allclose(value, other_value, std::max(by, 1e-6), 0));
        EXPECT(at::allclose(gradient, other_gradient, by, by));
      }
    }
  }
}

void a_step_with_a_sparse_gradient_is_left_out_too() {
  for (const Rule& rule : {rules()[0], Rule(std::make_shared<Adagrad>(AdagradOptions{}))}) {
    const at::Tensor weight = at::randn({6, 2}).set_requires_grad(true);
    Optimizer optimizer({{.parameters = {{"", weight}}, .rule = rule}});
    const auto step = [&](double value) {
      optimizer.zero_grad();
      at::embedding(weight, at::tensor({1, 4, 1}, at::kLong), -1, false, /*sparse=*/true).sum().mul(value).backward();
      optimizer.step(at::full({1}, value == 1 ? 0. : 1.));
    };
    step(1);
    const at::Tensor before = weight.detach().clone();
    step(std::numeric_limits<double>::quiet_NaN());
    optimizer.settle(1);
    EXPECT(at::equal(weight, before));
    const auto state = optimizer.state(weight);
    EXPECT(!state || state->steps == 1);
  }
}

}  // namespace

void device_reads(const at::Device& on) {
  device = on;
  an_iteration_that_nobody_listens_to_reads_nothing();
  an_importance_pass_and_an_evaluation_read_when_they_end();
  the_numbers_are_those_of_the_cpu();
  a_loss_that_is_not_finite_reaches_nothing_and_is_told_as_on_the_cpu();
  updates_of_a_bad_job_leave_every_bit();
  an_overflow_under_mas_is_told_with_advice();
  what_fails_behind_a_bad_loss_comes_too_late();
  a_guard_that_is_full_is_looked_at_and_goes_on_counting();
  a_penalty_that_nobody_reads_has_the_cpus_gradient();
  a_step_with_a_sparse_gradient_is_left_out_too();
}

}  // namespace continual::test
