// What operators draw from on threads that have generators of their own.
#include "core/overrides/default_generators.h"
#include "core/overrides/install_overrides.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

#include <future>
#include <thread>

#include "test/check.h"

namespace continual::test {
namespace {

using Draw = std::function<at::Tensor()>;

at::Tensor state_of(at::Generator generator) { return generator.get_state(); }
at::Tensor process_state() { return state_of(at::detail::getDefaultCPUGenerator()); }

at::Tensor scripted(const std::string& body, const at::Tensor& input) {
  torch::jit::Module module = script_module("Drawing");
  module.define("def forward(self, x: Tensor) -> Tensor:\n" + body);
  return module.forward({input}).toTensor();
}

at::Tensor lstm_with_dropout() {
  torch::nn::LSTM lstm(torch::nn::LSTMOptions(3, 4).num_layers(2).dropout(0.5));
  return std::get<0>(lstm->forward(at::ones({5, 2, 3})));
}

/// All that draws on the CPU, with and without taking a generator.
std::vector<std::pair<const char*, Draw>> draws() {
  const at::Tensor ones = at::ones({4, 6}), halves = at::full({4, 6}, 0.5);
  return {
      {"rand", [] { return at::rand({7}); }},
      {"randn", [] { return at::randn({7}); }},
      {"randint", [] { return at::randint(100, {7}); }},
      {"randint from", [] { return at::randint(3, 100, {7}); }},
      {"randperm", [] { return at::randperm(50); }},
      {"normal of sizes", [] { return at::normal(1, 2, {7}); }},
      {"normal of means", [=] { return at::normal(ones, 2); }},
      {"normal of both", [=] { return at::normal(ones, halves); }},
      {"rand_like", [=] { return at::rand_like(ones); }},
      {"randn_like", [=] { return at::randn_like(ones); }},
      {"randint_like", [=] { return at::randint_like(ones, 100); }},
      {"rand_out", [=] { return at::rand_out(*std::make_unique<at::Tensor>(at::empty({7})), {7}); }},
      {"dropout", [=] { return at::dropout(ones, 0.5, true); }},
      {"dropout_", [=] { return at::Tensor(at::dropout_(*std::make_unique<at::Tensor>(ones.clone()), 0.5, true)); }},
      {"dropout recorded", [=] { return at::dropout(ones.clone().requires_grad_(), 0.5, true).detach(); }},
      {"native_dropout", [=] { return std::get<0>(at::native_dropout(ones, 0.5, true)); }},
      {"feature_dropout", [=] { return at::feature_dropout(ones, 0.5, true); }},
      {"alpha_dropout", [=] { return at::alpha_dropout(ones, 0.5, true); }},
      {"feature_alpha_dropout", [=] { return at::feature_alpha_dropout(ones, 0.5, true); }},
      {"rrelu", [=] { return at::rrelu(-ones, 0.1, 0.3, true); }},
      {"bernoulli", [=] { return at::bernoulli(halves); }},
      {"bernoulli of p", [=] { return at::bernoulli(ones, 0.5); }},
      {"bernoulli_ of a tensor", [=] { return ones.clone().bernoulli_(halves); }},
      {"multinomial", [=] { return at::multinomial(halves, 3, true); }},
      {"multinomial without replacement", [=] { return at::multinomial(halves, 3); }},
      {"poisson", [=] { return at::poisson(ones * 9); }},
      {"binomial", [=] { return at::binomial(ones * 9, halves); }},
      {"gamma", [=] { return at::_standard_gamma(ones); }},
      {"dirichlet", [=] { return at::_sample_dirichlet(ones); }},
      {"random_", [=] { return ones.clone().random_(); }},
      {"random_ to", [=] { return ones.clone().random_(100); }},
      {"uniform_", [=] { return ones.clone().uniform_(); }},
      {"normal_", [=] { return ones.clone().normal_(); }},
      {"cauchy_", [=] { return ones.clone().cauchy_(); }},
      {"log_normal_", [=] { return ones.clone().log_normal_(); }},
      {"exponential_", [=] { return ones.clone().exponential_(); }},
      {"geometric_", [=] { return ones.clone().geometric_(0.5); }},
      {"complex", [] { return at::randn({7}, at::kComplexFloat); }},
      {"attention", [=] { return at::scaled_dot_product_attention(ones, ones, ones, {}, 0.5); }},
      {"lstm", lstm_with_dropout},
      {"linear", [] { return torch::nn::Linear(3, 4)->weight.detach(); }},
      {"orthogonal",
       [] {
         return torch::nn::init::orthogonal_(at::empty({3, 4}));
       }},
      {"TorchScript", [=] { return scripted("  return torch.dropout(x, 0.5, True) + torch.rand([6])\n", ones); }},
      {"libtorch's other threads",  // what TorchScript forks
       [=] {
         std::promise<at::Tensor> drawn;
         at::launch([&] { drawn.set_value(at::dropout(ones, 0.5, true)); });
         return drawn.get_future().get();
       }},
      {"TorchScript's seed", [=] { return scripted("  torch.manual_seed(3)\n  return torch.rand([6])\n", ones); }},
  };
}

void threads_draw_apart() {
  for (const auto& [name, draw] : draws()) {
    const int before_failures = failures;
    torch::manual_seed(c10::default_rng_seed_val);
    const at::Tensor expected = draw();
    torch::manual_seed(8);
    const at::Tensor before = process_state();
    const auto mine = std::make_shared<SeparateGenerators>();
    mine->seed(c10::default_rng_seed_val);
    const at::Tensor at_first = state_of(mine->of(at::kCPU));
    at::Tensor drawn;
    {
      const GeneratorsGuard guard(mine);
      drawn = draw();
    }
    EXPECT(at::equal(drawn, expected));
    EXPECT(at::equal(before, process_state()));
    EXPECT(!at::equal(at_first, state_of(mine->of(at::kCPU))));
    if (failures > before_failures) std::fprintf(stderr, "  by %s\n", name);
  }
}

/// A new libtorch may have operators that the list above does not know.
void no_operator_is_missed() {
  c10::Dispatcher& dispatcher = c10::Dispatcher::singleton();
  int64_t count = 0;
  for (const c10::OperatorName& name : dispatcher.getAllOpNames()) {
    const auto handle = dispatcher.findSchema(name);
    if (!handle || name.getNamespace() != "aten") continue;
    const auto& arguments = handle->schema().arguments();
    const bool takes_generator = std::any_of(arguments.begin(), arguments.end(), [](const c10::Argument& argument) {
      return argument.type()->str() == "Generator?";
    });
    if (!takes_generator) continue;
    ++count;
    if (handle->hasKernelForDispatchKey(c10::DispatchKey::BackendSelect)) continue;
    std::fprintf(stderr, "%s has no kernel\n", c10::toString(name).c_str());
    ++failures;
  }
  EXPECT(count > 60);
}

void each_begins_with_a_seed_of_its_own() {
  SeparateGenerators one, other;
  EXPECT(!at::equal(state_of(one.of(at::kCPU)), state_of(other.of(at::kCPU))));
  one.seed(3), other.seed(3);
  EXPECT(at::equal(state_of(one.of(at::kCPU)), state_of(other.of(at::kCPU))));
}

void a_generator_that_is_given_counts() {
  const auto mine = std::make_shared<SeparateGenerators>();
  const at::Tensor before = state_of(mine->of(at::kCPU));
  at::Generator given = at::detail::createCPUGenerator(4), again = at::detail::createCPUGenerator(4);
  const GeneratorsGuard guard(mine);
  EXPECT(at::equal(at::rand({5}, given), at::empty({5}).uniform_(0, 1, again)));
  EXPECT(at::equal(at::bernoulli(at::full({9}, 0.5), given), at::bernoulli(at::full({9}, 0.5), again)));
  EXPECT(at::equal(before, state_of(mine->of(at::kCPU))));
}

void a_chosen_generator_stands_in_front() {
  const auto mine = std::make_shared<SeparateGenerators>();
  const at::Tensor before = state_of(mine->of(at::kCPU));
  at::Generator chosen = at::detail::createCPUGenerator(4), again = at::detail::createCPUGenerator(4);
  const GeneratorsGuard outer(mine);
  {
    const auto in_front = std::make_shared<ChosenGenerator>(chosen, mine);
    const GeneratorsGuard inner(in_front);
    EXPECT(default_generator(at::kCPU) == chosen);
    EXPECT(at::equal(at::rand({5}), at::rand({5}, again)));
    in_front->seed(6);
    again.set_current_seed(6);
    EXPECT(at::equal(at::rand({5}), at::rand({5}, again)));
  }
  EXPECT(default_generator(at::kCPU) == mine->of(at::kCPU));
  EXPECT(at::equal(before, state_of(mine->of(at::kCPU))));
}

void many_threads_at_once() {
  const auto run = [](uint64_t seed) {
    const auto mine = std::make_shared<SeparateGenerators>();
    mine->seed(seed);
    const GeneratorsGuard guard(mine);
    at::Tensor sum = at::zeros({64});
    for (int i = 0; i < 500; ++i) sum = at::dropout(sum + at::rand({64}), 0.2, true) + at::randperm(64);
    return sum;
  };
  constexpr int kThreads = 4;
  std::vector<at::Tensor> found(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back([&, i] { found[i] = run(static_cast<uint64_t>(i)); });
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < kThreads; ++i) EXPECT(at::equal(found[i], run(static_cast<uint64_t>(i))));
}

}  // namespace

void default_generators() {
  install_overrides();
  threads_draw_apart();
  no_operator_is_missed();
  each_begins_with_a_seed_of_its_own();
  a_generator_that_is_given_counts();
  a_chosen_generator_stands_in_front();
  many_threads_at_once();
}

}  // namespace continual::test
