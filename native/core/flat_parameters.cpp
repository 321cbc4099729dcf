#include "core/flat_parameters.h"

#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include "core/error.h"

namespace continual {
namespace {

bool is_slice_of(const at::Tensor& tensor, const at::Tensor& buffer, int64_t offset) {
  return tensor.is_alias_of(buffer) && tensor.storage_offset() == offset && tensor.is_contiguous() &&
         offset + tensor.numel() <= buffer.numel();
}

}  // namespace

std::shared_ptr<FlatParameters> FlatParameters::create(const std::vector<std::pair<std::string, at::Tensor>>& named) {
  std::shared_ptr<FlatParameters> flat(new FlatParameters(named));
  flat->settle();
  return flat;
}

FlatParameters::FlatParameters(const std::vector<std::pair<std::string, at::Tensor>>& named) {
  int64_t total = 0;
  for (const auto& [name, parameter] : named) {
    const at::Tensor& first = named.front().second;
    if (!at::isFloatingType(parameter.scalar_type()) || parameter.scalar_type() != first.scalar_type() ||
        parameter.device() != first.device() || parameter.layout() != at::kStrided) {
      throw Error("ERR_UNSUPPORTED_MODEL",
                  "model: expected dense floating-point parameters of one dtype on one device, got \"" +
                      named.front().first + "\" " + std::string(toString(first.scalar_type())) + " on " +
                      first.device().str() + " and \"" + name + "\" " + toString(parameter.scalar_type()) + " on " +
                      parameter.device().str());
    }
    slots_.push_back({name, parameter, total, parameter.numel()});
    total += parameter.numel();
  }
  auto options = named.empty() ? at::TensorOptions() : named.front().second.options().requires_grad(false);
  values_ = at::empty({total}, options);
  grads_ = at::zeros({total}, options);
  for (size_t i = 0; i < slots_.size(); ++i) grad_views_.push_back(slice(grads_, i));
  watched_.resize(slots_.size());
}

bool FlatParameters::holds(const std::vector<std::pair<std::string, at::Tensor>>& named) const {
  if (named.size() != slots_.size()) return false;
  for (size_t i = 0; i < slots_.size(); ++i) {
    const auto& [name, tensor] = named[i];
    const ParameterSlot& slot = slots_[i];
    if (name != slot.name || !tensor.is_same(slot.parameter) || !fits(tensor, i)) return false;
  }
  return true;
}

bool FlatParameters::fits(const at::Tensor& tensor, size_t slot) const {
  return tensor.numel() == slots_[slot].numel && tensor.scalar_type() == values_.scalar_type() &&
         tensor.device() == values_.device() && tensor.layout() == at::kStrided;
}

std::optional<std::string> FlatParameters::misfit() const {
  for (size_t i = 0; i < slots_.size(); ++i) {
    const auto& [name, parameter, offset, numel] = slots_[i];
    if (fits(parameter, i)) continue;
    const auto shown = [](at::ScalarType type, const at::Device& device) {
      return std::string(c10::getDtypeNames(type).first) + " on " + device.str();
    };
    return "parameter \"" + name + "\" as " + c10::str(parameter.sizes()) + " " +
           shown(parameter.scalar_type(), parameter.device()) + ", where it had " + std::to_string(numel) +
           " elements of " + shown(values_.scalar_type(), values_.device());
  }
  return std::nullopt;
}

at::Tensor FlatParameters::slice(const at::Tensor& buffer, size_t slot) const {
  return buffer.narrow(0, slots_[slot].offset, slots_[slot].numel).view(slots_[slot].parameter.sizes());
}

void FlatParameters::settle() {
  at::NoGradGuard no_grad;
  if (const auto changed = misfit()) {
    throw Error("ERR_CALL_ORDER", "model: expected parameters that do not change meanwhile, got " + *changed);
  }
  for (size_t i = 0; i < slots_.size(); ++i) {
    at::Tensor& parameter = slots_[i].parameter;
    if (!is_slice_of(parameter, values_, slots_[i].offset)) {
      at::Tensor home = slice(values_, i);
      home.copy_(parameter.detach());
      parameter.set_data(home);
    }
    if (!parameter.grad().is_sparse()) settle_grad(i);
    watch(i);
  }
}

void FlatParameters::settle_grad(size_t slot) {
  const at::Tensor& grad = slots_[slot].parameter.grad();
  if (!grad.defined()) return;
  const bool is_strided = grad.layout() == at::kStrided;
  if (is_strided && is_slice_of(grad, grads_, slots_[slot].offset)) return;
  ++claim_;
  const at::Tensor dense = is_strided ? grad : grad.to_dense();
  grad_view(slot).copy_(dense.is_alias_of(grads_) ? dense.clone() : dense);
  install_grad(slot);
}

/// Lives in the parameter and may outlive the flat parameters, whose end comes on another thread than backward: it holds
/// nothing, and does nothing afterwards.
class FlatParameters::Hook final : public torch::autograd::FunctionPreHook {
 public:
  Hook(std::weak_ptr<FlatParameters> flat, size_t slot) : flat_(std::move(flat)), slot_(slot) {}

  /// Without a gradient autograd has nothing to accumulate.
  std::vector<at::Tensor> operator()(const std::vector<at::Tensor>& gradients) override {
    const std::shared_ptr<FlatParameters> flat = flat_.lock();
    const bool is_received =
        flat && flat->receive_ && gradients[0].defined() && flat->receive_(slot_, gradients[0]);
    return is_received ? std::vector<at::Tensor>(1) : gradients;
  }

  bool is_left_over() const { return flat_.expired(); }

 private:
  std::weak_ptr<FlatParameters> flat_;
  size_t slot_;
};

void FlatParameters::watch(size_t slot) {
  const at::Tensor& parameter = slots_[slot].parameter;
  if (watched_[slot] || !parameter.requires_grad() || !parameter.is_leaf()) return;
  watched_[slot] = true;
  auto& hooks = torch::autograd::impl::hooks(parameter);
  std::erase_if(hooks, [](const auto& hook) {
    const auto* earlier = dynamic_cast<const Hook*>(hook.get());
    return earlier != nullptr && earlier->is_left_over();
  });
  hooks.push_back(std::make_unique<Hook>(weak_from_this(), slot));
}

const at::Tensor& FlatParameters::grad_view(size_t slot) {
  at::Tensor& view = grad_views_[slot];
  if (!is_slice_of(view, grads_, slots_[slot].offset) || view.sizes() != slots_[slot].parameter.sizes()) {
    view = slice(grads_, slot);
  }
  return view;
}

void FlatParameters::install_grad(size_t slot) { slots_[slot].parameter.mutable_grad() = grad_view(slot); }

bool FlatParameters::write_grad(size_t slot, const at::Tensor& gradient) {
  if (at::GradMode::is_enabled() || !fits(gradient, slot) || slots_[slot].parameter.grad().defined()) return false;
  ++claim_;
  grad_view(slot).copy_(gradient);
  install_grad(slot);
  return true;
}

std::vector<Run> FlatParameters::runs(const std::function<int64_t(size_t slot)>& key) const {
  std::vector<Run> result;
  int64_t previous = -1;
  for (size_t i = 0; i < slots_.size(); ++i) {
    const int64_t current = key(i);
    if (current >= 0) {
      if (current == previous) {
        result.back().numel += slots_[i].numel;
      } else {
        result.push_back({i, slots_[i].offset, slots_[i].numel});
      }
    }
    previous = current;
  }
  return result;
}

}  // namespace continual
