#include "core/regularization/penalty_kernels.h"

#include <ATen/Dispatch.h>
#include <ATen/OpMathType.h>

#include <type_traits>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "core/compute/device_reads.h"
#include "core/compute/parallel.h"
#include "core/compute/vector_instructions.h"

namespace continual {
namespace {

// Elements of one partial sum: 32 KiB of float32 for each of the four arrays, a half of a common L2 cache.
constexpr int64_t kChunk = 8192;
// Independent accumulators, so that the sum vectorises without reordering a single chain of additions: the same number
// for every width of vectors, and enough of them to hide how long an addition takes.
constexpr int64_t kLanes = 64;

// From so many elements on the gradient is written past the caches: there it would only take the place of what is read
// next, after every line of it had been read for nothing.
constexpr int64_t kBeyondCaches = int64_t{1} << 22;

enum class GradMode { kNone, kWrite, kStream, kAccumulate };

#if defined(__SSE2__)
constexpr int64_t kStreamed = 16;  // bytes at a time, and their alignment

CONTINUAL_INLINE inline void stream(void* to, const void* from) {
  _mm_stream_si128(static_cast<__m128i*>(to), _mm_loadu_si128(static_cast<const __m128i*>(from)));
}
CONTINUAL_INLINE inline void finish_streaming() { _mm_sfence(); }
#else
constexpr int64_t kStreamed = 0;  // not at all

CONTINUAL_INLINE inline void stream(void*, const void*) {}
CONTINUAL_INLINE inline void finish_streaming() {}
#endif

bool can_stream(const void* grad, int64_t count) {
  return kStreamed > 0 && count >= kBeyondCaches && reinterpret_cast<uintptr_t>(grad) % kStreamed == 0;
}

template <GradMode mode, typename T>
struct PenaltyOfChunk {
  using Number = at::opmath_type<T>;

  CONTINUAL_INLINE static T gradient(Number scale, Number omega, Number distance, Number weighted) {
    if constexpr (std::is_same_v<T, Number>) return scale * (weighted + weighted);
    else return Number(T(scale * omega)) * (distance + distance);
  }

  CONTINUAL_INLINE double operator()(const T* __restrict theta, const T* __restrict anchor,
                                     const Number* __restrict omega, T* __restrict grad, Number scale,
                                     int64_t count) const {
    Number lanes[kLanes] = {};
    [[maybe_unused]] T gradients[kLanes];
    const auto element = [&](int64_t i, [[maybe_unused]] int64_t lane) CONTINUAL_INLINE {
      const Number distance = T(Number(theta[i]) - Number(anchor[i]));
      const Number weighted = omega[i] * distance;
      if constexpr (mode == GradMode::kWrite) grad[i] = gradient(scale, omega[i], distance, weighted);
      if constexpr (mode == GradMode::kStream) gradients[lane] = gradient(scale, omega[i], distance, weighted);
      if constexpr (mode == GradMode::kAccumulate) grad[i] += gradient(scale, omega[i], distance, weighted);
      return weighted * distance;
    };
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
      for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += element(i + lane, lane);
      if constexpr (mode == GradMode::kStream) {
        constexpr int64_t kStep = std::max<int64_t>(kStreamed / sizeof(T), 1);
        for (int64_t lane = 0; lane < kLanes; lane += kStep) stream(grad + i + lane, gradients + lane);
      }
    }
    double sum = 0;
    for (; i < count; ++i) {
      sum += element(i, 0);
      if constexpr (mode == GradMode::kStream) grad[i] = gradients[0];
    }
    if constexpr (mode == GradMode::kStream) finish_streaming();
    for (const Number lane : lanes) sum += lane;
    return sum;
  }
};

template <GradMode mode, typename T>
double penalty_cpu(const at::Tensor& theta, const at::Tensor& anchor, const at::Tensor& omega, const at::Tensor& grad,
                   double scale) {
  const int64_t count = theta.numel();
  const int64_t chunks = (count + kChunk - 1) / kChunk;
  std::vector<double> partial(chunks);
  const T* theta_data = theta.const_data_ptr<T>();
  const T* anchor_data = anchor.const_data_ptr<T>();
  const auto* omega_data = omega.const_data_ptr<at::opmath_type<T>>();
  T* grad_data = mode == GradMode::kNone ? nullptr : grad.mutable_data_ptr<T>();
  in_parallel(chunks, /*grain_size=*/2, [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      const int64_t offset = chunk * kChunk;
      partial[chunk] = vectorised(PenaltyOfChunk<mode, T>(), theta_data + offset, anchor_data + offset,
                                  omega_data + offset, mode == GradMode::kNone ? nullptr : grad_data + offset,
                                  static_cast<at::opmath_type<T>>(scale), std::min(kChunk, count - offset));
    }
  });
  double sum = 0;
  for (const double value : partial) sum += value;
  return sum;
}

struct PullToAnchor {
  template <typename T, typename Number>
  CONTINUAL_INLINE void operator()(T* __restrict theta, const T* __restrict anchor, const Number* __restrict omega,
                                   Number strength, int64_t count) const {
    for (int64_t i = 0; i < count; ++i) {
      const Number from = theta[i], to = anchor[i], pull = strength * omega[i];
      const Number rest = 1 / (1 + pull), way = to - from;
      // From the nearer end, so that what is far off cannot drown a small step, nor theta* be missed by rounding.
      const Number leaving = from + way * (pull * rest), arriving = to - way * rest;
      const T moved = pull < 1 ? leaving : arriving;
      theta[i] = pull > 0 ? moved : theta[i];
    }
  }
};

/// The same of operators: `lerp` starts from the nearer end too.
void pull_by_operators(at::Tensor theta, const at::Tensor& anchor, const at::Tensor& omega, double strength,
                       const at::Tensor& found_inf) {
  constexpr double kInEveryDtype = 1e30;  // 1 + it is itself
  at::Tensor pull = omega * strength;
  if (found_inf.defined()) pull.mul_(1 - found_inf);
  pull.clamp_(0, kInEveryDtype);
  const at::Tensor share = pull.div_(pull + 1);
  const at::Tensor moved = at::lerp(theta.to(share.scalar_type()), anchor.to(share.scalar_type()), share);
  at::where_out(theta, share > 0, moved.to(theta.scalar_type()), theta);
}

struct AddMagnitudes {
  template <typename Sum, typename T>
  CONTINUAL_INLINE void operator()(Sum* __restrict sum, const T* __restrict grad, int64_t count) const {
    for (int64_t i = 0; i < count; ++i) sum[i] += std::abs(static_cast<Sum>(grad[i]));
  }
};

/// As pairs of real numbers, each with the weight of both.
at::Tensor weights_of_parts(const at::Tensor& omega) {
  return omega.unsqueeze(-1).expand({-1, 2}).contiguous().view(-1);
}

at::Tensor parts(const at::Tensor& numbers) { return at::view_as_real(numbers).view(-1); }

}  // namespace

at::ScalarType importance_type(at::ScalarType type) { return at::toOpMathType(c10::toRealValueType(type)); }

FlatTensors no_importances(const FlatTensors& values) {
  FlatTensors zeros;
  for (const at::Tensor& buffer : values) {
    zeros.push_back(at::zeros_like(buffer, buffer.options().dtype(importance_type(buffer.scalar_type()))));
  }
  return zeros;
}

double quadratic_penalty(const at::Tensor& theta, const at::Tensor& anchor, const at::Tensor& omega,
                         const at::Tensor& grad, double scale, bool accumulate) {
  at::NoGradGuard no_grad;
  if (theta.is_complex()) {
    return quadratic_penalty(parts(theta), parts(anchor), weights_of_parts(omega), grad.defined() ? parts(grad) : grad,
                             scale, accumulate);
  }
  return AT_DISPATCH_FLOATING_TYPES_AND2(at::kBFloat16, at::kHalf, theta.scalar_type(), "quadratic_penalty", [&] {
    if (!grad.defined()) return penalty_cpu<GradMode::kNone, scalar_t>(theta, anchor, omega, grad, scale);
    if (accumulate) return penalty_cpu<GradMode::kAccumulate, scalar_t>(theta, anchor, omega, grad, scale);
    if (can_stream(grad.const_data_ptr(), grad.numel())) {
      return penalty_cpu<GradMode::kStream, scalar_t>(theta, anchor, omega, grad, scale);
    }
    return penalty_cpu<GradMode::kWrite, scalar_t>(theta, anchor, omega, grad, scale);
  });
}

at::Tensor penalty_on_device(const at::Tensor& theta, const at::Tensor& anchor, const at::Tensor& omega,
                             const at::Tensor& grad) {
  at::NoGradGuard no_grad;
  if (theta.is_complex()) {
    return penalty_on_device(parts(theta), parts(anchor), weights_of_parts(omega), grad.defined() ? parts(grad) : grad);
  }
  const at::Tensor distance = theta.detach() - anchor;
  if (grad.defined()) {
    // The fewest passes over memory that libtorch's operators allow.
    at::mul_out(const_cast<at::Tensor&>(grad), omega, distance);
    return grad.dot(distance).to(at::kDouble);
  }
  return (omega * distance).mul_(distance).sum(at::kDouble);
}

void add_gradient_on_device(const at::Tensor& theta, const at::Tensor& anchor, const at::Tensor& omega,
                            const at::Tensor& grad, const at::Tensor& scale, bool accumulate) {
  at::NoGradGuard no_grad;
  if (theta.is_complex()) {
    return add_gradient_on_device(parts(theta), parts(anchor), weights_of_parts(omega), parts(grad), scale, accumulate);
  }
  const at::Tensor gradient = (omega * (theta.detach() - anchor)).mul_(scale);
  if (accumulate) grad.add_(gradient);
  else grad.copy_(gradient);
}

void pull_to_anchor(const at::Tensor& theta, const at::Tensor& anchor, const at::Tensor& omega, double strength,
                    const at::Tensor& found_inf) {
  at::NoGradGuard no_grad;
  if (theta.is_complex()) {
    return pull_to_anchor(parts(theta), parts(anchor), weights_of_parts(omega), strength, found_inf);
  }
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kBFloat16, at::kHalf, theta.scalar_type(), "pull_to_anchor", [&] {
    using Number = at::opmath_type<scalar_t>;
    const auto number = static_cast<Number>(strength);
    if (!reads_are_free(theta.device())) return pull_by_operators(theta, anchor, omega, number, found_inf);
    scalar_t* theta_data = theta.mutable_data_ptr<scalar_t>();
    const scalar_t* anchor_data = anchor.const_data_ptr<scalar_t>();
    const Number* omega_data = omega.const_data_ptr<Number>();
    in_parallel(theta.numel(), /*grain_size=*/2 * kChunk, [&](int64_t begin, int64_t end) {
      vectorised(PullToAnchor(), theta_data + begin, anchor_data + begin, omega_data + begin, number, end - begin);
    });
  });
}

void add_magnitudes(const at::Tensor& sum, const at::Tensor& grad) {
  at::NoGradGuard no_grad;
  if (!sum.is_cpu() || grad.is_complex() || grad.is_sparse()) {
    sum.add_(grad.abs());
    return;
  }
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kBFloat16, at::kHalf, grad.scalar_type(), "add_magnitudes", [&] {
    auto* sum_data = sum.mutable_data_ptr<at::opmath_type<scalar_t>>();
    const scalar_t* grad_data = grad.const_data_ptr<scalar_t>();
    in_parallel(sum.numel(), /*grain_size=*/2 * kChunk, [&](int64_t begin, int64_t end) {
      vectorised(AddMagnitudes(), sum_data + begin, grad_data + begin, end - begin);
    });
  });
}

}  // namespace continual
