// Tests of the C++ core without Node: each case is a function; a failed check prints itself and fails the program.
#include <cstdio>

#include "core/compute/compute_thread.h"
#include "core/compute/device_reads.h"
#include "core/error.h"
#include "core/optimizers/name_groups.h"
#include "core/optimizers/sgd.h"
#include "core/regularization/penalty_kernels.h"
#include "core/training/training_step.h"
#include "test/check.h"
#include "test/mas.h"

namespace {

void clear_gradients(const continual::FlatParameters& flat) {
  for (continual::ParameterSlot slot : flat.slots()) slot.parameter.mutable_grad().reset();
}

using namespace continual;
using test::linear;
using test::Mas;
using test::NumThreads;

using Named = std::vector<std::pair<std::string, at::Tensor>>;

at::Tensor parameter(const std::vector<double>& values) {
  return at::tensor(values, at::kDouble).set_requires_grad(true);
}

void parameters_move_into_one_buffer_and_keep_their_identity() {
  const Named named{{"a", parameter({1, 2})}, {"b", parameter({3})}};
  const auto flat = FlatParameters::create(named);
  EXPECT(at::equal(flat->values().front(), at::tensor({1., 2., 3.}, at::kDouble)));
  EXPECT(named[1].second.is_alias_of(flat->values().front()));
  EXPECT(named[1].second.storage_offset() == 2);
}

void a_gradient_is_a_slice_once_settled_and_undefined_where_backward_did_not_come() {
  const Named named{{"used", parameter({1, 2})}, {"unused", parameter({3})}};
  const auto flat = FlatParameters::create(named);
  for (const bool in_place : {false, true, false}) {
    clear_gradients(*flat);
    std::optional<FlatParameters::Receiving> receiving;
    if (in_place) receiving.emplace(*flat, [&](size_t i, const at::Tensor& grad) { return flat->write_grad(i, grad); });
    (named[0].second * named[0].second).sum().backward();
    if (!in_place) flat->settle();
    EXPECT(named[0].second.grad().is_alias_of(flat->grads().front()));
    EXPECT(at::equal(named[0].second.grad(), at::tensor({2., 4.}, at::kDouble)));
    EXPECT(!named[1].second.grad().defined());
  }
}

void neighbours_with_one_key_are_one_run() {
  const auto flat = FlatParameters::create(
      Named{{"a", parameter({1})}, {"b", parameter({2, 3})}, {"c", parameter({4})}, {"d", parameter({5})}});
  const auto runs = flat->runs([](size_t slot) -> int64_t { return slot == 2 ? -1 : 0; });
  EXPECT(runs.size() == 2);
  EXPECT(runs[0].numel == 3 && runs[1].offset == 4 && runs[1].numel == 1);
}

void penalty_equals_its_definition_and_its_gradient_a_finite_difference() {
  torch::manual_seed(1);
  // More than one chunk of partial sums, and a tail.
  const int64_t n = 20011;
  const at::Tensor theta = at::randn({n}, at::kDouble), anchor = at::randn({n}, at::kDouble);
  const at::Tensor omega = at::rand({n}, at::kDouble);
  const at::Tensor grad = at::full({n}, 7., at::kDouble);
  const double value = quadratic_penalty(theta, anchor, omega, grad, /*scale=*/3, /*accumulate=*/false);
  EXPECT(std::abs(value - (omega * (theta - anchor).pow(2)).sum().item<double>()) < 1e-9);

  const double step = 1e-4;
  for (const int64_t i : {int64_t{0}, int64_t{8192}, n - 1}) {
    at::Tensor moved = theta.clone();
    moved[i] += step;
    const double above = quadratic_penalty(moved, anchor, omega, {}, 1, false);
    moved[i] -= 2 * step;
    const double below = quadratic_penalty(moved, anchor, omega, {}, 1, false);
    EXPECT(std::abs(grad[i].item<double>() - 3 * (above - below) / (2 * step)) < 1e-5);
  }
  quadratic_penalty(theta, anchor, omega, grad, /*scale=*/-3, /*accumulate=*/true);
  EXPECT(grad.abs().max().item<double>() < 1e-12);
}

void a_penalty_written_past_the_caches_has_the_same_bits() {
  torch::manual_seed(3);
  // Beyond 2^22 elements an aligned gradient is written past the caches, one that is not is written as usual; a tail of
  // whole chunks, whole rounds of the loop and single elements.
  const int64_t n = (int64_t{1} << 22) + 8192 + 64 + 37;
  for (const at::ScalarType dtype : {at::kFloat, at::kDouble}) {
    const at::Tensor theta = at::randn({n}, dtype), anchor = at::randn({n}, dtype), omega = at::rand({n}, dtype);
    const at::Tensor streamed = at::full({n}, 7, dtype), shifted = at::full({n + 1}, 7, dtype);
    const at::Tensor written = shifted.narrow(0, 1, n);
    const double value = quadratic_penalty(theta, anchor, omega, streamed, /*scale=*/1.7, /*accumulate=*/false);
    EXPECT(quadratic_penalty(theta, anchor, omega, written, 1.7, false) == value);
    EXPECT(quadratic_penalty(theta, anchor, omega, {}, 1.7, false) == value);
    EXPECT(at::equal(streamed, written));
    EXPECT(shifted[0].item<double>() == 7);

    const at::Tensor distance = theta.to(at::kDouble) - anchor.to(at::kDouble);
    const at::Tensor weighted = omega.to(at::kDouble) * distance;
    const double expected = (weighted * distance).sum().item<double>();
    EXPECT(std::abs(value - expected) < 1e-6 * expected);
    const at::Tensor gradient = 2 * 1.7 * weighted;
    EXPECT((streamed.to(at::kDouble) - gradient).norm().item<double>() < 1e-6 * gradient.norm().item<double>());
    EXPECT((streamed.to(at::kDouble) - gradient).abs().max().item<double>() < 1e-5);

    quadratic_penalty(theta, anchor, omega, streamed, -1.7, /*accumulate=*/true);
    EXPECT(streamed.abs().max().item<double>() == 0);
  }
}

void a_pull_is_its_closed_form_and_has_the_same_bits_in_vectors_and_by_single_elements() {
  torch::manual_seed(5);
  const int64_t n = 40011;  // for several threads, with a tail
  for (const at::ScalarType dtype : {at::kDouble, at::kFloat, at::kBFloat16, at::kHalf}) {
    const at::ScalarType number = importance_type(dtype);
    const at::Tensor theta = at::randn({n}, at::kDouble).to(dtype), anchor = at::randn({n}, at::kDouble).to(dtype);
    // From next to nothing to beyond all numbers.
    const at::Tensor omega = at::pow(10, at::rand({n}, at::kDouble) * 40 - 20).to(number);
    omega.narrow(0, 100, 50).zero_();
    omega.narrow(0, 150, 50).fill_(std::numeric_limits<double>::infinity());
    const at::Tensor c = omega.to(at::kDouble) * 3, from = theta.to(at::kDouble), to = anchor.to(at::kDouble);
    const at::Tensor expected = at::where(c.isinf(), to, (from + c * to) / (c + 1));

    const at::Tensor pulled = theta.clone();
    pull_to_anchor(pulled, anchor, omega, 3);
    const double by = dtype == at::kDouble ? 1e-15 : dtype == at::kFloat ? 3e-7 : dtype == at::kHalf ? 1e-3 : 8e-3;
    EXPECT(((pulled.to(at::kDouble) - expected).abs() <= by * at::maximum(from.abs(), to.abs())).all().item<bool>());
    EXPECT(at::equal(pulled.narrow(0, 100, 50), theta.narrow(0, 100, 50)));
    EXPECT(at::equal(pulled.narrow(0, 150, 50), anchor.narrow(0, 150, 50)));

    const at::Tensor one_by_one = theta.clone();
    for (int64_t i = 0; i < 300; ++i) {
      pull_to_anchor(one_by_one.narrow(0, i, 1), anchor.narrow(0, i, 1), omega.narrow(0, i, 1), 3);
    }
    EXPECT(at::equal(one_by_one.narrow(0, 0, 300), pulled.narrow(0, 0, 300)));

    const CpuAsDevice there;
    const at::Tensor by_operators = theta.clone(), left = theta.clone();
    pull_to_anchor(by_operators, anchor, omega, 3, at::zeros({1}));
    EXPECT(
        ((by_operators.to(at::kDouble) - expected).abs() <= by * at::maximum(from.abs(), to.abs())).all().item<bool>());
    EXPECT(at::equal(by_operators.narrow(0, 100, 100), pulled.narrow(0, 100, 100)));
    pull_to_anchor(left, anchor, omega, 3, at::ones({1}));
    EXPECT(at::equal(left, theta));
  }
}

void importance_is_the_mean_magnitude_of_each_batchs_gradient() {
  // F(x) = w x, so ||F||^2 = (w x)^2 and its gradient 2 w x^2: for w = 3 and x = 1, 2 that is 6 and 24, mean 15.
  const at::Tensor weight = parameter({3});
  const auto flat = FlatParameters::create(Named{{"w", weight}});
  Mas mas(/*lambda=*/2, /*alpha=*/0.25);
  mas.pass->begin(flat);
  for (const double x : {1., 2.}) {
    clear_gradients(*flat);
    mas.accumulate(flat, (weight * x).view({1, 1}));
  }
  mas.pass->end(flat, /*first_experience=*/true);
  EXPECT(mas.penalty->memory().size() == 1);
  EXPECT(mas.penalty->memory()[0].importance.item<double>() == 15);

  // theta* = 3; at w = 5 the penalty is 2 * 15 * 2^2 = 120 and its gradient 2 * 15 * 2 * 2 = 120, times the loss's
  // scale.
  {
    const at::NoGradGuard no_grad;
    weight.fill_(5);
  }
  clear_gradients(*flat);
  at::Tensor loss = at::ones({1}, at::kDouble);
  mas.penalty->add_to(loss, flat);
  EXPECT(loss.item<double>() == 121);
  (loss * 0.5).backward();
  EXPECT(weight.grad().item<double>() == 60);
}

void a_grown_parameter_keeps_its_low_indices_and_the_rest_is_free() {
  const auto small = FlatParameters::create(Named{{"head", parameter({2})}});
  Mas mas(1, 0.5);
  mas.pass->begin(small);
  mas.accumulate(small, small->slots()[0].parameter.view({1, 1}));
  mas.pass->end(small, true);  // Omega = |2 * 2| = 4
  const auto grown = FlatParameters::create(Named{{"head", parameter({3, 9})}});
  at::Tensor loss = at::ones({1}, at::kDouble);
  mas.penalty->add_to(loss, grown);
  EXPECT(loss.item<double>() == 1 + 4 * (3 - 2) * (3 - 2));

  const auto shrunk = FlatParameters::create(Named{{"head", parameter({})}});
  try {
    mas.penalty->add_to(loss, shrunk);
    EXPECT(false);
  } catch (const Error& error) {
    EXPECT(error.code() == "ERR_PENALTY_SHAPE");
  }
}

void jobs_run_in_order_and_those_not_begun_are_dropped() {
  std::vector<int> order;
  {
    ComputeThread thread;
    std::atomic<bool> begun{false};
    thread.submit([&] { order.push_back(1); });
    thread.submit([&] {
      order.push_back(2);
      begun = true;
      while (!thread.stopping()) std::this_thread::yield();
    });
    thread.submit([&] { order.push_back(3); });
    while (!begun) std::this_thread::yield();
  }
  EXPECT((order == std::vector<int>{1, 2}));
}

void a_module_put_together_anew_has_new_parts_in_old_places() {
  const char* const source =
      "def forward(self, input: Tensor) -> Tensor:\n  return self.second.forward(self.first.forward(input))\n";
  Model model(compose("Model", {.children = {{"first", linear(3, 2)}, {"second", linear(2, 2)}}}, source));
  const Model around(compose("Around", {.children = {{"model", model.module()}}}, ""));
  const at::Tensor x = at::ones({2, 3});
  const at::Tensor before = model.forward(x);
  model.set_training(false);
  const auto first = linear(3, 2);
  model.recompose({}, {.children = {{"first", first}}}, source);
  EXPECT(!model.is_training());
  EXPECT(!at::equal(model.forward(x), before));
  std::vector<std::string> names;
  for (const auto& entry : model.state(/*recurse=*/true)) names.push_back(entry.name);
  EXPECT((names == std::vector<std::string>{"first.weight", "first.bias", "second.weight", "second.bias"}));
  EXPECT(model.state(true)[0].tensor.is_same(first.attr("weight").toTensor()));
  EXPECT(!around.state(true)[0].tensor.is_same(first.attr("weight").toTensor()));
  try {
    model.recompose({"second"}, {}, source);
    EXPECT(!"compiled what calls a child that is not there");
  } catch (const std::exception&) {
    EXPECT(model.forward(x).size(1) == 2);
  }
}

void a_new_name_takes_the_group_of_the_closest_node_that_has_one() {
  NameGroups names;
  names.add("features.0.weight", 0);
  names.add("heads.0.weight", 1);
  names.add("heads.0.bias", 1);
  EXPECT(names.group_for("heads.1.weight") == 1);
  EXPECT(names.group_for("features.0.bias") == 0);
  names.add("heads.norm.weight", 2);
  EXPECT(names.group_for("heads.0.scale") == 1);
  // Beside heads of two groups, beside everything, and where nothing is known.
  const auto is_refused = [](const NameGroups& among, const std::string& name) {
    try {
      among.group_for(name);
      return false;
    } catch (const Error& error) {
      return error.code() == "ERR_PARAMETER_GROUP" &&
             std::string(error.what()).find("\"" + name + "\"") != std::string::npos;
    }
  };
  EXPECT(is_refused(names, "heads.1.weight"));
  EXPECT(is_refused(names, "adapter.weight"));
  EXPECT(is_refused(names, "headset.weight"));
  EXPECT(is_refused(NameGroups(), "weight"));
}

void a_parameter_that_takes_anothers_place_has_no_state_of_either() {
  // Swapped names: each tensor moves to the other's place, and both begin anew.
  const at::Tensor a = parameter({1}), b = parameter({2});
  Optimizer optimizer({{.parameters = {{"", a}}, .rule = std::make_shared<Sgd>(SgdOptions{.lr = 1, .momentum = 0.5})},
                       {.parameters = {{"", b}}, .rule = std::make_shared<Sgd>(SgdOptions{.lr = 0, .momentum = 0.5})}});
  (a + b).sum().backward();
  optimizer.step();
  EXPECT(optimizer.state(a) && optimizer.state(b));
  optimizer.update(Named{{"a", b}, {"b", a}}, Named{{"a", a}, {"b", b}}, /*remove_params=*/false);
  EXPECT(optimizer.groups()[0].parameters[0].second.is_same(b));
  EXPECT(optimizer.groups()[1].parameters[0].second.is_same(a));
  EXPECT(optimizer.groups()[0].parameters[0].first == "a");
  EXPECT(!optimizer.state(a) && !optimizer.state(b));
  optimizer.step();
  EXPECT(a.item<double>() == 0 && b.item<double>() == 1);

  // An update that is refused changes nothing.
  try {
    optimizer.update(Named{{"a", a}, {"b", b}, {"c", parameter({3})}}, Named{{"a", b}, {"b", a}}, false);
    EXPECT(false);
  } catch (const Error& error) {
    EXPECT(error.code() == "ERR_PARAMETER_GROUP");
  }
  EXPECT(optimizer.groups()[0].parameters[0].second.is_same(b) && optimizer.state(b));

  // One takes the other's place, its own is gone.
  optimizer.update(Named{{"b", b}}, Named{{"a", b}, {"b", a}}, /*remove_params=*/false);
  EXPECT(optimizer.parameters().size() == 1 && optimizer.groups()[1].parameters[0].second.is_same(b));
}

}  // namespace

int main() {
  parameters_move_into_one_buffer_and_keep_their_identity();
  a_gradient_is_a_slice_once_settled_and_undefined_where_backward_did_not_come();
  neighbours_with_one_key_are_one_run();
  penalty_equals_its_definition_and_its_gradient_a_finite_difference();
  a_penalty_written_past_the_caches_has_the_same_bits();
  a_pull_is_its_closed_form_and_has_the_same_bits_in_vectors_and_by_single_elements();
  importance_is_the_mean_magnitude_of_each_batchs_gradient();
  a_grown_parameter_keeps_its_low_indices_and_the_rest_is_free();
  jobs_run_in_order_and_those_not_begun_are_dropped();
  a_module_put_together_anew_has_new_parts_in_old_places();
  a_new_name_takes_the_group_of_the_closest_node_that_has_one();
  a_parameter_that_takes_anothers_place_has_no_state_of_either();
  test::default_generators();
  test::minibatches();
  test::products();
  test::parallel();
  test::thread_team();
  test::kept_blocks();
  test::held_memory();
  test::checksums();
  test::files();
  test::device_reads(at::kCPU);
  if (at::hasCUDA()) test::device_reads(at::kCUDA);
  std::printf("core: %s\n", test::failures == 0 ? "all checks passed" : "FAILED");
  return test::failures == 0 ? 0 : 1;
}
