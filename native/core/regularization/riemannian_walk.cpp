#include "core/regularization/riemannian_walk.h"

#include <limits>

#include "core/regularization/penalty_kernels.h"

namespace continual {
namespace {

std::vector<bool> with_gradient(const FlatParameters& flat) {
  std::vector<bool> found;
  for (const ParameterSlot& slot : flat.slots()) found.push_back(!slot.name.empty() && slot.parameter.grad().defined());
  return found;
}

std::vector<bool> named(const FlatParameters& flat) {
  std::vector<bool> found;
  for (const ParameterSlot& slot : flat.slots()) found.push_back(!slot.name.empty());
  return found;
}

/// The largest of the elements that are known; 0 where none is above that.
double largest(const ParameterMemory& memory) {
  double largest = 0;
  for (const auto& [name, values] : memory.entries()) {
    if (values.numel() > 0) largest = std::max(largest, values.max().item<double>());
  }
  return largest;
}

}  // namespace

void RiemannianWalk::follow(const std::shared_ptr<FlatParameters>& flat) {
  flat->settle();
  align(flat, {&fisher_, &loss_, &scores_, &from_, &gradient_, &old_});
  const std::vector<bool> all = named(*flat);
  std::vector<bool> is_new = all;
  for (size_t i = 0; i < all.size(); ++i) is_new[i] = all[i] && !from_.known()[i];
  for (const Run& run : runs_of(*flat, is_new)) run.of(from_.tensors()).copy_(run.of(flat->values()));
  if (from_.known() == all) return;
  for (ParameterMemory* memory : {&loss_, &scores_, &from_}) memory->know(all);
}

void RiemannianWalk::start_anew(const NamedTensors& parameters) {
  const at::NoGradGuard no_grad;
  std::vector<ParameterMemory::Entry> from, loss, scores;
  for (const auto& [name, parameter] : parameters) {
    const at::TensorOptions options = parameter.options().dtype(importance_type(parameter.scalar_type()));
    from.push_back({name, parameter.detach().clone()});
    loss.push_back({name, at::zeros(parameter.sizes(), options)});
    scores.push_back({name, at::zeros(parameter.sizes(), options)});
  }
  from_.set(std::move(from));
  loss_.set(std::move(loss));
  scores_.set(std::move(scores));
}

void RiemannianWalk::begin(const Iteration& iteration) {
  const at::NoGradGuard no_grad;
  follow(iteration.parameters);
  fisher_before_ = fisher_;
  FlatTensors own;
  for (const at::Tensor& fisher : fisher_.tensors()) own.push_back(fisher.clone());
  fisher_.replace(std::move(own));
}

void RiemannianWalk::before(const Iteration& iteration) {
  const at::NoGradGuard no_grad;
  const std::shared_ptr<FlatParameters>& flat = iteration.parameters;
  follow(flat);
  const std::vector<bool> now = with_gradient(*flat);
  std::vector<bool> again = now, anew = now;
  for (size_t i = 0; i < now.size(); ++i) {
    if (now[i]) flat->settle_grad(i);
    again[i] = now[i] && fisher_.known()[i];
    anew[i] = now[i] && !fisher_.known()[i];
  }
  const auto square = [](const at::Tensor& g, const at::Tensor& like) { return g.abs().to(like.scalar_type()).square_(); };
  for (const Run& run : runs_of(*flat, again)) {
    const at::Tensor fisher = run.of(fisher_.tensors());
    fisher.mul_(1 - alpha_).add_(square(run.of(flat->grads()), fisher), alpha_);
  }
  for (const Run& run : runs_of(*flat, anew)) {
    const at::Tensor fisher = run.of(fisher_.tensors());
    fisher.copy_(square(run.of(flat->grads()), fisher));
  }
  fisher_.know_only(now);
  for (const Run& run : runs_of(*flat, now)) {
    run.of(gradient_.tensors()).copy_(run.of(flat->grads()));
    run.of(old_.tensors()).copy_(run.of(flat->values()));
  }
}

void RiemannianWalk::after(const Iteration& iteration) {
  const at::NoGradGuard no_grad;
  const std::shared_ptr<FlatParameters>& flat = iteration.parameters;
  follow(flat);
  for (const Run& run : runs_of(*flat, fisher_.known())) {
    const at::Tensor back = run.of(old_.tensors()).sub_(run.of(flat->values()));
    add_product(run.of(loss_.tensors()), run.of(gradient_.tensors()), back, 1);
  }
}

void RiemannianWalk::score(const Iteration& iteration) {
  after(iteration);
  const at::NoGradGuard no_grad;
  const std::shared_ptr<FlatParameters>& flat = iteration.parameters;
  for (const Run& run : runs_of(*flat, fisher_.known())) {
    const at::Tensor fisher = run.of(fisher_.tensors());
    const double eps = fisher.scalar_type() == at::kDouble ? std::numeric_limits<double>::epsilon()
                                                           : std::numeric_limits<float>::epsilon();
    const at::Tensor way = (run.of(flat->values()) - run.of(from_.tensors())).abs().to(fisher.scalar_type()).square_();
    run.of(scores_.tensors()).addcdiv_(run.of(loss_.tensors()), way.mul_(fisher).mul_(0.5).add_(eps));
  }
  for (size_t i = 0; i < flat->values().size(); ++i) {
    loss_.tensors()[i].zero_();
    from_.tensors()[i].copy_(flat->values()[i]);
  }
}

void RiemannianWalk::end(const Iteration& iteration) {
  const at::NoGradGuard no_grad;
  const std::shared_ptr<FlatParameters>& flat = iteration.parameters;
  follow(flat);
  align(flat, {&total_});
  const bool is_first = total_.empty();
  ParameterMemory before = total_;
  FlatTensors total;
  for (size_t i = 0; i < scores_.tensors().size(); ++i) {
    const at::Tensor& score = scores_.tensors()[i];
    total.push_back(is_first ? score.clone() : (total_.tensors()[i] + score).mul_(0.5));
  }
  total_.replace(std::move(total));
  if (is_first) total_.know(named(*flat));

  const double largest_fisher = largest(fisher_), largest_score = largest(total_);
  std::vector<bool> held = fisher_.known();
  for (size_t i = 0; i < held.size(); ++i) held[i] = held[i] && total_.known()[i];
  FlatTensors omega = no_importances(flat->values());
  for (const Run& run : runs_of(*flat, held)) {
    const at::Tensor of_run = run.of(omega);
    if (largest_fisher > 0) of_run.copy_(run.of(fisher_.tensors()) / largest_fisher);
    if (largest_score > 0) of_run.add_(at::relu(run.of(total_.tensors())) / largest_score);
  }
  try {
    penalty_->assign(flat, omega, held, /*forgets=*/true);
  } catch (...) {
    total_ = before;
    throw;
  }
  total_before_ = std::move(before);
  for (const at::Tensor& score : scores_.tensors()) score.zero_();
}

}  // namespace continual
