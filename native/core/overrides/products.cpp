#include "core/overrides/products.h"

#include <atomic>
#include <mutex>

#include "core/overrides/backend_select.h"
#include "core/overrides/narrow_products.h"
#include "core/overrides/overrides.h"

namespace continual {
namespace {

/// `input [M, K]`, `weight [N, K]`, `bias [N]`: input weight^T + bias, [M, N].
using LinearPointwise = at::Tensor(const at::Tensor& input, const at::Tensor& weight,
                                   const std::optional<at::Tensor>& bias, std::string_view activation,
                                   c10::List<std::optional<at::Scalar>> scalars,
                                   std::optional<std::string_view> algorithm);

using Linear = c10::TypedOperatorHandle<LinearPointwise>;

std::optional<Linear> find_linear() {
  const auto found = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
  if (!found) return std::nullopt;
  try {
    return found->typed<LinearPointwise>();
  } catch (const c10::Error&) {
    return std::nullopt;  // another libtorch, which calls it otherwise
  }
}

/// MKL multiplies with AVX-512 where it finds a processor of Intel's, oneDNN and `narrow_product` wherever it is there.
std::string why_mkl_is_left_alone() {
#if defined(__x86_64__) && defined(__GNUC__)
  if (!at::hasMKL()) return "this libtorch multiplies without MKL";
  if (!__builtin_cpu_supports("avx512f")) return "the processor has no AVX-512";
  return __builtin_cpu_is("amd") ? "" : "MKL uses all of this processor";
#else
  return "MKL is for other processors";
#endif
}

Fitness fitness_of_products() {
  if (!at::globalContext().hasMKLDNN()) return {.why_impossible = "this libtorch is built without oneDNN"};
  if (!find_linear()) return {.why_impossible = "this libtorch has another product of oneDNN's"};
  return {.why_not_worth_it = why_mkl_is_left_alone()};
}

Fitness fitness_of_narrow_products() {
  if (!has_narrow_product()) {
    return {.why_impossible =
                "needs AVX-512, which this processor, this build or CONTINUAL_TORCH_VECTORS does without"};
  }
  return {.why_not_worth_it = why_mkl_is_left_alone()};
}

at::Tensor linear_by(const Linear& operation, const at::Tensor& left, const at::Tensor& right,
                     const std::optional<at::Tensor>& bias) {
  static const c10::List<std::optional<at::Scalar>> no_scalars;
  return operation.call(left, right.t(), bias, "none", no_scalars, "");
}

/// A libtorch whose product has the name and the types of this one may still mean something else by them.
bool multiplies_as_expected(const Linear& operation) {
  const auto small = [](std::initializer_list<float> values, at::IntArrayRef sizes) {
    return at::tensor(at::ArrayRef<float>(values), at::kFloat).view(sizes);
  };
  try {
    const at::Tensor product =
        linear_by(operation, small({1, 2, 3, 4}, {2, 2}), small({5, 6, 7, 8}, {2, 2}), small({100, 200}, {2}));
    return at::equal(product, small({119, 222, 143, 250}, {2, 2}));
  } catch (const std::exception&) {
    return false;
  }
}

/// Nothing where it did not pass its trial, at the first product that is large enough for it.
const std::optional<Linear>& linear() {
  static const std::optional<Linear> found = [] {
    std::optional<Linear> candidate = find_linear();
    if (candidate && !multiplies_as_expected(*candidate)) candidate.reset();
    return candidate;
  }();
  return found;
}

std::atomic<bool> goes_through_onednn{false};
std::atomic<bool> goes_by_narrow_products{false};

/// From so many multiplications on the way through oneDNN is worth its 10 microseconds.
constexpr int64_t kLeastMultiplications = int64_t{1} << 21;
/// MKL has a quick way for products with a few rows or columns.
constexpr int64_t kLeastWidth = 4;

bool is_plain(const at::Tensor& matrix) {
  return matrix.dim() == 2 && matrix.scalar_type() == at::kFloat && matrix.device().is_cpu() &&
         matrix.layout() == at::kStrided && (matrix.is_contiguous() || matrix.t().is_contiguous());
}

bool is_for_onednn(const at::Tensor& left, const at::Tensor& right) {
  return goes_through_onednn && std::min(left.size(0), right.size(1)) >= kLeastWidth &&
         left.numel() * right.size(1) >= kLeastMultiplications && at::globalContext().userEnabledMkldnn() && linear();
}

/// left right + bias where there is a quicker way than MKL's; `bias` may be undefined.
std::optional<at::Tensor> quicker_product(const at::Tensor& left, const at::Tensor& right, const at::Tensor& bias = {}) {
  if (!is_plain(left) || !is_plain(right) || left.size(1) != right.size(0)) return std::nullopt;
  if (goes_by_narrow_products && is_narrow(left, right)) return narrow_product(left, right, bias);
  if (!is_for_onednn(left, right)) return std::nullopt;
  return linear_by(*linear(), left, right, bias.defined() ? std::optional(bias) : std::nullopt);
}

at::Tensor mm(c10::DispatchKeySet keys, const at::Tensor& left, const at::Tensor& right) {
  if (auto product = quicker_product(left, right)) return *std::move(product);
  return at::_ops::mm::redispatch(below_backend_select(keys), left, right);
}

at::Tensor addmm(c10::DispatchKeySet keys, const at::Tensor& self, const at::Tensor& left, const at::Tensor& right,
                 const at::Scalar& beta, const at::Scalar& alpha) {
  const bool is_bias = self.dim() == 1 && self.scalar_type() == at::kFloat && self.device().is_cpu() &&
                       self.is_contiguous() && right.dim() == 2 && self.size(0) == right.size(1) && beta.equal(1) &&
                       alpha.equal(1);
  if (is_bias) {
    if (auto product = quicker_product(left, right, self)) return *std::move(product);
  }
  return at::_ops::addmm::redispatch(below_backend_select(keys), self, left, right, beta, alpha);
}

}  // namespace

void speed_up_products() {
  static std::once_flag once;
  std::call_once(once, [] {
    goes_through_onednn = is_to_go_on("products", fitness_of_products());
    goes_by_narrow_products = is_to_go_on("narrow products", fitness_of_narrow_products());
    if (!goes_through_onednn && !goes_by_narrow_products) return;
    kernels_at_backend_select().impl("mm", TORCH_FN(mm));
    kernels_at_backend_select().impl("addmm", TORCH_FN(addmm));
  });
}

bool are_narrow_products_used() { return goes_by_narrow_products; }

}  // namespace continual
