#include "core/flat_parameters.h"

#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include "core/error.h"

namespace continual {
namespace {

bool is_slice_of(const at::Tensor& tensor, const at::Tensor& buffer, int64_t offset) {
  // A conjugated or negated view is a flag over other elements.
  return tensor.is_alias_of(buffer) && tensor.storage_offset() == offset && tensor.is_contiguous() &&
         !tensor.is_conj() && !tensor.is_neg() && offset + tensor.numel() <= buffer.numel();
}

}  // namespace

bool is_trainable(at::ScalarType type) {
  return type == at::kFloat || type == at::kDouble || type == at::kBFloat16 || type == at::kHalf ||
         at::isComplexType(type);
}

std::shared_ptr<FlatParameters> FlatParameters::create(const std::vector<std::pair<std::string, at::Tensor>>& named) {
  std::shared_ptr<FlatParameters> flat(new FlatParameters(named));
  flat->settle();
  return flat;
}

FlatParameters::FlatParameters(const std::vector<std::pair<std::string, at::Tensor>>& named) {
  std::vector<at::TensorOptions> buffers;
  std::vector<int64_t> totals;
  for (const auto& [name, parameter] : named) {
    const at::Tensor& first = named.front().second;
    const at::ScalarType type = parameter.scalar_type();
    if (!is_trainable(type) || parameter.device() != first.device() || parameter.layout() != at::kStrided) {
      throw Error("ERR_UNSUPPORTED_MODEL",
                  "model: expected dense floating-point or complex parameters on one device, got \"" +
                      named.front().first + "\" " + std::string(toString(first.scalar_type())) + " on " +
                      first.device().str() + " and \"" + name + "\" " + toString(type) + " on " +
                      parameter.device().str());
    }
    const auto is_of_type = [type](const at::TensorOptions& options) { return options.dtype() == type; };
    const size_t buffer = std::find_if(buffers.begin(), buffers.end(), is_of_type) - buffers.begin();
    if (buffer == buffers.size()) {
      buffers.push_back(parameter.options().requires_grad(false));
      totals.push_back(0);
    }
    slots_.push_back({name, parameter, buffer, totals[buffer], parameter.numel()});
    totals[buffer] += parameter.numel();
  }
  for (size_t i = 0; i < buffers.size(); ++i) {
    values_.push_back(at::empty({totals[i]}, buffers[i]));
    grads_.push_back(at::zeros({totals[i]}, buffers[i]));
  }
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
  const at::Tensor& values = values_[slots_[slot].buffer];
  return tensor.numel() == slots_[slot].numel && tensor.scalar_type() == values.scalar_type() &&
         tensor.device() == values.device() && tensor.layout() == at::kStrided;
}

std::optional<std::string> FlatParameters::misfit() const {
  for (size_t i = 0; i < slots_.size(); ++i) {
    const auto& [name, parameter, buffer, offset, numel] = slots_[i];
    if (fits(parameter, i)) continue;
    const auto shown = [](at::ScalarType type, const at::Device& device) {
      return std::string(c10::getDtypeNames(type).first) + " on " + device.str();
    };
    return "parameter \"" + name + "\" as " + c10::str(parameter.sizes()) + " " +
           shown(parameter.scalar_type(), parameter.device()) + ", where it had " + std::to_string(numel) +
           " elements of " + shown(values_[buffer].scalar_type(), values_[buffer].device());
  }
  return std::nullopt;
}

at::Tensor FlatParameters::slice(const FlatTensors& tensors, size_t slot) const {
  const auto& [name, parameter, buffer, offset, numel] = slots_[slot];
  return tensors[buffer].narrow(0, offset, numel).view(parameter.sizes());
}

void FlatParameters::settle() {
  at::NoGradGuard no_grad;
  if (const auto changed = misfit()) {
    throw Error("ERR_CALL_ORDER", "model: expected parameters that do not change meanwhile, got " + *changed);
  }
  for (size_t i = 0; i < slots_.size(); ++i) {
    at::Tensor& parameter = slots_[i].parameter;
    if (!is_slice_of(parameter, values_[slots_[i].buffer], slots_[i].offset)) {
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
  const at::Tensor& grads = grads_[slots_[slot].buffer];
  if (is_strided && is_slice_of(grad, grads, slots_[slot].offset)) return;
  ++claim_;
  const at::Tensor dense = is_strided ? grad : grad.to_dense();
  const at::Tensor plain = dense.resolve_conj().resolve_neg();
  grad_view(slot).copy_(plain.is_alias_of(grads) ? plain.clone() : plain);
  install_grad(slot);
}

/// Lives in the parameter and may outlive the flat parameters, whose end comes on another thread than backward: it
/// holds nothing, and does nothing afterwards.
class FlatParameters::Hook final : public torch::autograd::FunctionPreHook {
 public:
  Hook(std::weak_ptr<FlatParameters> flat, size_t slot) : flat_(std::move(flat)), slot_(slot) {}

  /// Without a gradient autograd has nothing to accumulate.
  std::vector<at::Tensor> operator()(const std::vector<at::Tensor>& gradients) override {
    const std::shared_ptr<FlatParameters> flat = flat_.lock();
    const bool is_received = flat && flat->receive_ && gradients[0].defined() && flat->receive_(slot_, gradients[0]);
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
  if (!is_slice_of(view, grads_[slots_[slot].buffer], slots_[slot].offset) ||
      view.sizes() != slots_[slot].parameter.sizes()) {
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
  for (size_t buffer = 0; buffer < values_.size(); ++buffer) {
    int64_t previous = -1;
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].buffer != buffer) continue;
      const int64_t current = key(i);
      if (current >= 0) {
        if (current == previous) {
          result.back().numel += slots_[i].numel;
        } else {
          result.push_back({i, buffer, slots_[i].offset, slots_[i].numel});
        }
      }
      previous = current;
    }
  }
  return result;
}

}  // namespace continual
