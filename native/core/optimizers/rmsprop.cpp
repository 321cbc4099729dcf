#include "core/optimizers/rmsprop.h"

#include "core/compute/parallel.h"

namespace continual {
namespace {

/// The state of one stretch; `momentum` and `grad_avg` are undefined where the options do without them.
struct RmspropState {
  at::Tensor square_avg;
  at::Tensor momentum;
  at::Tensor grad_avg;
};

/// The update by tensor operators: on CUDA, and for the short floating-point types.
void step_by_operators(const RmspropOptions& options, const at::Tensor& values, const at::Tensor& grads,
                       const RmspropState& state) {
  at::Tensor grad = options.maximize ? -grads : grads;
  if (options.weight_decay != 0) grad = grad.add(values, options.weight_decay);
  scale(state.square_avg, options.alpha).addcmul_(grad, grad, 1 - options.alpha);
  at::Tensor average = state.square_avg;
  if (options.centered) {
    state.grad_avg.lerp_(grad, 1 - options.alpha);
    average = average.addcmul(state.grad_avg, state.grad_avg, -1);
  }
  average = average.sqrt().add_(options.eps);
  if (options.momentum > 0) {
    scale(state.momentum, options.momentum).addcdiv_(grad, average);
    values.add_(state.momentum, -options.lr);
  } else {
    values.addcdiv_(grad, average, -options.lr);
  }
}

/// PyTorch has no fused kernel for RMSprop: its operators would pass over memory five to nine times.
template <bool centered, bool with_momentum, typename T>
void step_in_one_pass(const RmspropOptions& options, const at::Tensor& values, const at::Tensor& grads,
                      const RmspropState& state) {
  constexpr int64_t kGrain = 16384;
  const auto data = [](const at::Tensor& tensor) { return tensor.defined() ? tensor.mutable_data_ptr<T>() : nullptr; };
  T* __restrict value = data(values);
  const T* __restrict gradient = grads.const_data_ptr<T>();
  T* __restrict square_avg = data(state.square_avg);
  T* __restrict momentum = data(state.momentum);
  T* __restrict grad_avg = data(state.grad_avg);
  const T lr = options.lr, alpha = options.alpha, rest = 1 - options.alpha, eps = options.eps;
  const T decay = options.weight_decay, friction = options.momentum, sign = options.maximize ? -1 : 1;
  in_parallel(values.numel(), kGrain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T grad = sign * gradient[i] + decay * value[i];
      const T squared = alpha * square_avg[i] + rest * grad * grad;
      square_avg[i] = squared;
      T variance = squared;
      if constexpr (centered) {
        const T mean = grad_avg[i] + rest * (grad - grad_avg[i]);
        grad_avg[i] = mean;
        variance -= mean * mean;
      }
      const T update = grad / (std::sqrt(variance) + eps);
      if constexpr (with_momentum) {
        momentum[i] = friction * momentum[i] + update;
        value[i] -= lr * momentum[i];
      } else {
        value[i] -= lr * update;
      }
    }
  });
}

template <typename T>
void step_on_cpu(const RmspropOptions& options, const at::Tensor& values, const at::Tensor& grads,
                 const RmspropState& state) {
  auto step = &step_in_one_pass<false, false, T>;
  if (options.centered && options.momentum > 0) step = &step_in_one_pass<true, true, T>;
  else if (options.centered) step = &step_in_one_pass<true, false, T>;
  else if (options.momentum > 0) step = &step_in_one_pass<false, true, T>;
  step(options, values, grads, state);
}

}  // namespace

std::vector<std::string> Rmsprop::state_names() const {
  std::vector<std::string> names{"square_avg"};
  if (options_.momentum > 0) names.push_back("momentum_buffer");
  if (options_.centered) names.push_back("grad_avg");
  return names;
}

void Rmsprop::step(const at::Tensor& values, const at::Tensor& grads, const std::vector<at::Tensor>& state,
                   int64_t /*steps_done*/, const std::optional<at::Tensor>& found_inf) const {
  const RmspropState named{.square_avg = state.front(),
                           .momentum = options_.momentum > 0 ? state[1] : at::Tensor(),
                           .grad_avg = options_.centered ? state.back() : at::Tensor()};
  const at::ScalarType type = values.scalar_type();
  unless_found(found_inf, values, state, [&] {
    if (!values.device().is_cpu() || (type != at::kFloat && type != at::kDouble)) {
      step_by_operators(options_, values, grads, named);
    } else if (type == at::kFloat) {
      step_on_cpu<float>(options_, values, grads, named);
    } else {
      step_on_cpu<double>(options_, values, grads, named);
    }
  });
}

}  // namespace continual
