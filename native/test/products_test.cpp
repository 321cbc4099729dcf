// Tests of products of matrices, whichever library they go through.
#include <array>

#include "core/overrides/narrow_products.h"
#include "core/overrides/products.h"
#include "test/check.h"

namespace continual::test {
namespace {

/// Relative to the norm of what float64 gives.
double distance_from_float64(const at::Tensor& actual, const at::Tensor& expected) {
  if (actual.sizes() != expected.sizes() || actual.scalar_type() != at::kFloat) return INFINITY;
  return ((actual.to(at::kDouble) - expected).norm() / expected.norm()).item<double>();
}

void large_products_are_those_of_float64_up_to_rounding() {
  speed_up_products();
  speed_up_products();
  torch::manual_seed(4);
  constexpr double kRounding = 2e-6;
  const int64_t m = 130, k = 150, n = 140;  // beyond 2^21 multiplications
  const std::vector<std::pair<at::Tensor, at::Tensor>> operands{
      {at::randn({m, k}), at::randn({k, n})},
      {at::randn({k, m}).t(), at::randn({k, n})},
      {at::randn({m, k}), at::randn({n, k}).t()},
      {at::randn({k, m}).t(), at::randn({n, k}).t()},
      {at::randn({1, k}).expand({m, k}), at::randn({k, n})},
      {at::randn({m, k}), at::randn({k, 1}).expand({k, n})},
      {at::randn({m, 2 * k}).narrow(1, 3, k), at::randn({2 * k, n}).narrow(0, 7, k)},
      {at::randn({m, 2 * k}).slice(1, 0, 2 * k, 2), at::randn({k, n + 9}).narrow(1, 9, n)},
      {at::randn({m + 1, k}).narrow(0, 1, m), at::randn({k * n + 1}).narrow(0, 1, k * n).view({k, n})},
      {at::randn({4, 4096}), at::randn({4096, 160})},
      {at::randn({3, 4096}), at::randn({4096, 256})},
  };
  for (const auto& [left, right] : operands) {
    const at::Tensor expected = at::mm(left.to(at::kDouble), right.to(at::kDouble));
    EXPECT(distance_from_float64(at::mm(left, right), expected) < kRounding);
    at::Tensor into = at::empty({0});
    EXPECT(distance_from_float64(at::mm_out(into, left, right), expected) < kRounding);
    const int64_t columns = right.size(1);
    for (const at::Tensor& self :
         {at::randn({columns}), at::randn({2 * columns}).slice(0, 0, 2 * columns, 2), at::randn({1}),
          at::randn({left.size(0), columns}), at::randn({left.size(0), 1})}) {
      const at::Tensor sum = expected + self.to(at::kDouble);
      EXPECT(distance_from_float64(at::addmm(self, left, right), sum) < kRounding);
      EXPECT(distance_from_float64(at::addmm(self, left, right, 0.5, -2), 0.5 * self.to(at::kDouble) - 2 * expected) <
             kRounding);
    }
  }
}

/// Of the sizes that a small mini-batch brings, on both sides of every border between tiles: each in every order in which
/// its operands may lie, and a bias.
template <typename Check>
void for_each_narrow_product(const Check& check) {
  torch::manual_seed(6);
  for (const auto& [m, k, n] : std::vector<std::array<int64_t, 3>>{{1, 300, 200}, {2, 513, 64}, {9, 784, 31}, {10, 785, 512},
                                                                   {11, 49, 777}, {16, 1100, 15}, {17, 1100, 16},
                                                                   {500, 10, 33}, {1003, 16, 257}, {129, 1, 1000},
                                                                   {16, 2000, 1}}) {
    const std::vector<std::pair<at::Tensor, at::Tensor>> operands{
        {at::randn({m, k}), at::randn({k, n})},
        {at::randn({k, m}).t(), at::randn({k, n})},
        {at::randn({m, k}), at::randn({n, k}).t()},
        {at::randn({k, m}).t(), at::randn({n, k}).t()},
        {at::randn({m * k + 1}).narrow(0, 1, m * k).view({m, k}), at::randn({n * k + 3}).narrow(0, 3, n * k).view({n, k}).t()},
    };
    const at::Tensor bias = at::randn({n});
    for (const auto& [left, right] : operands) check(left, right, bias);
  }
}

void narrow_products_are_those_of_float64_up_to_rounding() {
  speed_up_products();
  for_each_narrow_product([](const at::Tensor& left, const at::Tensor& right, const at::Tensor& bias) {
    const at::Tensor expected = at::mm(left.to(at::kDouble), right.to(at::kDouble));
    EXPECT(distance_from_float64(at::mm(left, right), expected) < 2e-6);
    EXPECT(distance_from_float64(at::addmm(bias, left, right), expected + bias.to(at::kDouble)) < 2e-6);
  });
}

/// The kernel itself, wherever the processor has it; whether `mm` goes to it is another question.
void the_narrow_kernel_gives_the_same_bits_with_any_number_of_threads() {
  speed_up_products();
  int64_t checked = 0;
  for_each_narrow_product([&](const at::Tensor& left, const at::Tensor& right, const at::Tensor& bias) {
    if (!is_narrow(left, right)) return;
    const at::Tensor expected = at::mm(left.to(at::kDouble), right.to(at::kDouble));
    const at::Tensor product = narrow_product(left, right, {}), sum = narrow_product(left, right, bias);
    EXPECT(distance_from_float64(product, expected) < 2e-6);
    EXPECT(distance_from_float64(sum, expected + bias.to(at::kDouble)) < 2e-6);
    for (const int count : {1, 2, 3}) {
      const NumThreads threads(count);
      EXPECT(at::equal(narrow_product(left, right, {}), product) && at::equal(narrow_product(left, right, bias), sum));
      if (!are_narrow_products_used()) continue;
      EXPECT(at::equal(at::mm(left, right), product) && at::equal(at::addmm(bias, left, right), sum));
    }
    ++checked;
  });
  std::printf("core: narrow products: %lld checked, %s by mm and addmm here\n", static_cast<long long>(checked),
              are_narrow_products_used() ? "used" : "not used");
}

void a_product_of_what_is_not_finite_is_not_finite_where_it_must_be() {
  speed_up_products();
  at::Tensor left = at::ones({10, 500}), right = at::ones({500, 40});
  left[3][499] = INFINITY;
  right[7][39] = NAN;
  const at::Tensor product = at::mm(left, right);
  EXPECT(at::equal(product.isnan().sum(0), at::tensor({0, 10}).index_select(0, (at::arange(40) == 39).to(at::kLong))));
  EXPECT(product.isinf().sum().item<int64_t>() == 39);
}

void gradients_of_large_linear_layers_are_those_of_float64_up_to_rounding() {
  speed_up_products();
  torch::manual_seed(5);
  for (const bool has_bias : {true, false}) {
    std::vector<at::Tensor> leaves{at::randn({130, 150}), at::randn({140, 150})}, precise;
    if (has_bias) leaves.push_back(at::randn({140}));
    for (at::Tensor& leaf : leaves) {
      precise.push_back(leaf.to(at::kDouble).requires_grad_());
      leaf.requires_grad_();
    }
    const at::Tensor weights = at::randn({130, 140});
    const auto run = [&](const std::vector<at::Tensor>& of) {
      const at::Tensor output = at::linear(of[0], of[1], has_bias ? of[2] : at::Tensor());
      (output * weights.to(output.dtype())).sum().backward();
      return output.detach();
    };
    EXPECT(distance_from_float64(run(leaves), run(precise)) < 2e-6);
    for (size_t i = 0; i < leaves.size(); ++i) {
      EXPECT(distance_from_float64(leaves[i].grad(), precise[i].grad()) < 2e-6);
    }
  }
}

void products_refuse_and_return_nothing_as_before() {
  speed_up_products();
  EXPECT(at::mm(at::zeros({0, 4096}), at::zeros({4096, 4096})).sizes() == at::IntArrayRef({0, 4096}));
  EXPECT(at::mm(at::zeros({4096, 4096}), at::zeros({4096, 0})).sizes() == at::IntArrayRef({4096, 0}));
  EXPECT(at::equal(at::mm(at::zeros({2048, 0}), at::zeros({0, 2048})), at::zeros({2048, 2048})));
  EXPECT(at::equal(at::addmm(at::ones({2048}), at::zeros({2048, 0}), at::zeros({0, 2048})), at::ones({2048, 2048})));
  const at::Tensor large = at::zeros({256, 256}), wide = at::zeros({256, 300});
  EXPECT(is_refused([&] { at::mm(wide, large); }));
  EXPECT(is_refused([&] { at::mm(large, at::zeros({256})); }));
  EXPECT(is_refused([&] { at::mm(large, large.to(at::kDouble)); }));
  EXPECT(is_refused([&] { at::addmm(at::zeros({300}), large, large); }));
  EXPECT(is_refused([&] { at::addmm(at::zeros({256}, at::kDouble), large, large); }));
  EXPECT(is_refused([&] { at::addmm(at::zeros({256}), wide, large); }));
}

}  // namespace

void products() {
  large_products_are_those_of_float64_up_to_rounding();
  narrow_products_are_those_of_float64_up_to_rounding();
  the_narrow_kernel_gives_the_same_bits_with_any_number_of_threads();
  a_product_of_what_is_not_finite_is_not_finite_where_it_must_be();
  gradients_of_large_linear_layers_are_those_of_float64_up_to_rounding();
  products_refuse_and_return_nothing_as_before();
}

}  // namespace continual::test
