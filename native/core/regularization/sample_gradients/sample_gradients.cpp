#include "core/regularization/sample_gradients/sample_gradients.h"

#include <torch/csrc/autograd/engine.h>

#include <algorithm>
#include <unordered_set>

#include "core/regularization/sample_gradients/sample_graph.h"

namespace continual {
namespace {

using torch::autograd::Edge;

/// Memory for the gradients of several samples at a time.
constexpr int64_t kChunkBytes = int64_t{64} << 20;

struct Use {
  const SharedUse* shared;
  std::vector<SampleGraph::Leaf> leaves;
  std::vector<size_t> slots;      // of the leaves
  std::optional<ViewChain> view;  // of the one leaf, where it is one
  SampleGradientsPointer gradients;
};

std::vector<at::Tensor> backward(const std::vector<Edge>& from, const std::vector<at::Tensor>& gradients,
                                 const std::vector<Edge>& to, bool keep_graph) {
  return torch::autograd::Engine::get_default_engine().execute(from, gradients, keep_graph, /*create_graph=*/false,
                                                               /*accumulate_grad=*/false, to);
}

/// Uses of parameters, with the gradients that one backward pass brings to where they are.
class SamplePass {
 public:
  SamplePass(const SampleGraph& graph, const at::Tensor& output, const FlatParameters& flat, const FlatTensors& sums,
             const Elementwise& f)
      : samples_(output.size(0)), flat_(flat), sums_(sums), f_(f) {
    std::unordered_map<const at::TensorImpl*, size_t> slots;
    for (size_t i = 0; i < flat.slots().size(); ++i) slots[flat.slots()[i].parameter.unsafeGetTensorImpl()] = i;
    for (const SharedUse& shared : graph.uses()) {
      Use use{&shared, graph.leaves(shared), {}, SampleGraph::view_of_leaf(shared), nullptr};
      for (const SampleGraph::Leaf& leaf : use.leaves) use.slots.push_back(slots.at(leaf.parameter.unsafeGetTensorImpl()));
      if (!use.leaves.empty()) uses_.push_back(std::move(use));
    }
  }

  void run(const at::Tensor& output, const at::Tensor& output_gradient, bool keep_graph) {
    differentiate(output, output_gradient, keep_graph);
    const std::vector<bool> is_composed = composed();
    std::vector<std::vector<const Use*>> of_slots(flat_.slots().size());
    std::vector<const Use*> of_composed;
    for (const Use& use : uses_) {
      if (is_composed[use.slots[0]]) of_composed.push_back(&use);
      else of_slots[use.slots[0]].push_back(&use);
    }
    for (size_t slot = 0; slot < of_slots.size(); ++slot) {
      if (!of_slots[slot].empty()) add_views(slot, of_slots[slot]);
    }
    if (!of_composed.empty()) add_composed(of_composed);
  }

 private:
  /// What lies behind a use comes from the forward pass, its gradient from here.
  void differentiate(const at::Tensor& output, const at::Tensor& output_gradient, bool keep_graph) {
    std::vector<Edge> arrivals;
    std::vector<size_t> arrival_of_use;
    for (const Use& use : uses_) {
      const auto found = std::find(arrivals.begin(), arrivals.end(), use.shared->output);
      arrival_of_use.push_back(found - arrivals.begin());
      if (found == arrivals.end()) arrivals.push_back(use.shared->output);
    }
    if (arrivals.empty()) return;
    const std::vector<at::Tensor> deltas =
        backward({torch::autograd::impl::gradient_edge(output)}, {output_gradient}, arrivals, keep_graph);
    for (size_t i = 0; i < uses_.size(); ++i) {
      const at::Tensor& delta = deltas[arrival_of_use[i]];
      if (delta.defined()) uses_[i].gradients = uses_[i].shared->make(widened(delta));
    }
    std::erase_if(uses_, [](const Use& use) { return use.gradients == nullptr; });
  }

  /// By slot: whether a use of the parameter is more than a view of it, or has to do with such a parameter.
  std::vector<bool> composed() const {
    std::vector<bool> is_composed(flat_.slots().size());
    for (bool is_changed = true; is_changed;) {
      is_changed = false;
      for (const Use& use : uses_) {
        const auto is_marked = [&](size_t slot) { return is_composed[slot]; };
        if (use.view && std::none_of(use.slots.begin(), use.slots.end(), is_marked)) continue;
        for (const size_t slot : use.slots) {
          is_changed = is_changed || !is_composed[slot];
          is_composed[slot] = true;
        }
      }
    }
    return is_composed;
  }

  /// Calls `body(first, count)` for chunks of samples, `elements` numbers each.
  template <typename Body>
  void in_chunks(int64_t elements, int64_t bytes, const Body& body) const {
    const int64_t chunk = std::clamp<int64_t>(kChunkBytes / std::max<int64_t>(elements * bytes, 1), 1, samples_);
    for (int64_t first = 0; first < samples_; first += chunk) body(first, std::min(chunk, samples_ - first));
  }

  void add_views(size_t slot, const std::vector<const Use*>& uses) const {
    const at::Tensor sum = flat_.slice(sums_, slot);
    if (uses.size() == 1 && uses[0]->gradients->add(uses[0]->view->of(sum, 0), f_)) return;
    int64_t elements = uses.size() > 1 ? sum.numel() : 0;
    for (const Use* use : uses) elements = std::max(elements, use->gradients->elements());
    in_chunks(elements, sum.element_size(), [&](int64_t first, int64_t count) {
      if (uses.size() == 1) {
        uses[0]->view->of(sum, 0).add_(f_(uses[0]->gradients->of(first, count)).sum(0));
        return;
      }
      std::vector<int64_t> shape{count};
      shape.insert(shape.end(), sum.sizes().begin(), sum.sizes().end());
      at::Tensor gradients;
      for (const Use* use : uses) {
        const at::Tensor of_use = use->gradients->of(first, count);
        if (!gradients.defined()) gradients = at::zeros(shape, of_use.options());
        use->view->of(gradients, 1).add_(of_use);
      }
      sum.add_(f_(gradients).sum(0));
    });
  }

  /// Through the operators that make of parameters what samples read, sample by sample: they are small beside the model.
  void add_composed(const std::vector<const Use*>& uses) const {
    std::vector<Edge> from;
    std::vector<Edge> to;
    std::vector<size_t> slots;
    int64_t elements = 0;
    for (const Use* use : uses) {
      from.push_back(use->shared->tensor);
      elements += use->gradients->elements();
      for (size_t i = 0; i < use->leaves.size(); ++i) {
        if (std::find(slots.begin(), slots.end(), use->slots[i]) != slots.end()) continue;
        slots.push_back(use->slots[i]);
        to.push_back(use->leaves[i].edge);
      }
    }
    in_chunks(elements, sums_[0].element_size(), [&](int64_t first, int64_t count) {
      std::vector<at::Tensor> of_uses;
      for (const Use* use : uses) {
        const auto& [function, input] = use->shared->tensor;
        of_uses.push_back(use->gradients->of(first, count).to(function->input_metadata(input).dtype()));
      }
      for (int64_t sample = 0; sample < count; ++sample) {
        std::vector<at::Tensor> given;
        for (const at::Tensor& of_use : of_uses) given.push_back(of_use[sample]);
        const std::vector<at::Tensor> gradients = backward(from, given, to, /*keep_graph=*/true);
        for (size_t i = 0; i < slots.size(); ++i) {
          if (gradients[i].defined()) flat_.slice(sums_, slots[i]).add_(f_(widened(gradients[i])));
        }
      }
    });
  }

  const int64_t samples_;
  const FlatParameters& flat_;
  const FlatTensors& sums_;
  const Elementwise& f_;
  std::vector<Use> uses_;
};

}  // namespace

bool add_sample_gradients(const at::Tensor& output, const at::Tensor& output_gradient, const FlatParameters& flat,
                          const FlatTensors& sums, const Elementwise& f, bool keep_graph) {
  if (!output.requires_grad()) return true;
  at::NoGradGuard no_grad;
  std::unordered_set<const at::TensorImpl*> parameters;
  for (const ParameterSlot& slot : flat.slots()) parameters.insert(slot.parameter.unsafeGetTensorImpl());
  const std::optional<SampleGraph> graph = SampleGraph::of(output, [&](const at::Tensor& leaf) {
    return parameters.count(leaf.unsafeGetTensorImpl()) != 0;
  });
  if (!graph) return false;
  SamplePass(*graph, output, flat, sums, f).run(output, output_gradient, keep_graph);
  return true;
}

}  // namespace continual
