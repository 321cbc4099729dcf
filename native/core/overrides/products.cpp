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

/// MKL multiplies with AVX-512 where it finds a processor of Intel's, oneDNN and `narrow_product` wherever it is there.
Fitness fitness() {
  if (!at::globalContext().hasMKLDNN()) return {.why_impossible = "this libtorch is built without oneDNN"};
#if defined(__x86_64__) && defined(__GNUC__)
  if (!at::hasMKL()) return {.why_not_worth_it = "this libtorch multiplies without MKL"};
  if (!__builtin_cpu_supports("avx512f")) return {.why_not_worth_it = "the processor has no AVX-512"};
  if (!__builtin_cpu_is("amd")) return {.why_not_worth_it = "MKL uses all of this processor"};
  return {};
#else
  return {.why_not_worth_it = "MKL is for other processors"};
#endif
}

std::optional<c10::TypedOperatorHandle<LinearPointwise>> find_linear() {
  const auto found = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
  if (!found) return std::nullopt;
  try {
    return found->typed<LinearPointwise>();
  } catch (const c10::Error&) {
    return std::nullopt;  // another libtorch, which calls it otherwise
  }
}

std::optional<c10::TypedOperatorHandle<LinearPointwise>>& linear() {
  static auto found = find_linear();
  return found;
}

/// From so many multiplications on the way through oneDNN is worth its 10 microseconds.
constexpr int64_t kLeastMultiplications = int64_t{1} << 21;
/// MKL has a quick way for products with a few rows or columns.
constexpr int64_t kLeastWidth = 4;

bool is_plain(const at::Tensor& matrix) {
  return matrix.dim() == 2 && matrix.scalar_type() == at::kFloat && matrix.device().is_cpu() &&
         matrix.layout() == at::kStrided && (matrix.is_contiguous() || matrix.t().is_contiguous());
}

bool is_for_onednn(const at::Tensor& left, const at::Tensor& right) {
  return linear() && std::min(left.size(0), right.size(1)) >= kLeastWidth &&
         left.numel() * right.size(1) >= kLeastMultiplications && at::globalContext().userEnabledMkldnn();
}

at::Tensor through_onednn(const at::Tensor& left, const at::Tensor& right, const std::optional<at::Tensor>& bias) {
  static const c10::List<std::optional<at::Scalar>> no_scalars;
  return linear()->call(left, right.t(), bias, "none", no_scalars, "");
}

/// left right + bias where there is a quicker way than MKL's; `bias` may be undefined.
std::optional<at::Tensor> quicker_product(const at::Tensor& left, const at::Tensor& right, const at::Tensor& bias = {}) {
  if (!is_plain(left) || !is_plain(right) || left.size(1) != right.size(0)) return std::nullopt;
  if (is_narrow(left, right)) return narrow_product(left, right, bias);
  if (!is_for_onednn(left, right)) return std::nullopt;
  return through_onednn(left, right, bias.defined() ? std::optional(bias) : std::nullopt);
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

std::atomic<bool> are_overridden{false};

}  // namespace

void speed_up_products() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (!is_to_go_on("products", fitness())) return;
    kernels_at_backend_select().impl("mm", TORCH_FN(mm));
    kernels_at_backend_select().impl("addmm", TORCH_FN(addmm));
    are_overridden = true;
  });
}

bool are_products_sped_up() { return are_overridden; }

}  // namespace continual
