#include "core/overrides/default_generators.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/DeviceAccelerator.h>
#include <torch/csrc/jit/runtime/operator.h>

#include "core/overrides/backend_select.h"

namespace continual {
namespace {

constexpr std::string_view kKindName = "continual-torch: default generators";

/// In older libtorchs kinds are numbers, of which libtorch uses the first few.
template <typename Kind>
Kind own_kind() {
  if constexpr (std::is_enum_v<Kind>) return static_cast<Kind>(0x63);
  else return Kind(&kKindName);
}
const auto kKind = own_kind<c10::DebugInfoKind>();

DefaultGenerators* generators_of_thread() {
  return static_cast<DefaultGenerators*>(c10::ThreadLocalDebugInfo::get(kKind));
}

void set_seed(at::Generator& generator, uint64_t seed) {
  const std::lock_guard lock(generator.mutex());
  generator.set_current_seed(seed);
}

bool is_generator(const c10::Argument& argument) {
  const auto optional = argument.type()->cast<c10::OptionalType>();
  return optional && optional->getElementType()->kind() == c10::TypeKind::GeneratorType;
}

/// Where the call is computed: its tensors may lie on the CPU besides. Factories come here with the tensor that they
/// have made.
at::Device device_of(c10::DispatchKeySet keys, const torch::jit::Stack& stack, size_t arguments) {
  const c10::BackendComponent backend = keys.highestBackendKey();
  if (backend == c10::BackendComponent::CPUBit) return at::kCPU;
  for (size_t i = stack.size() - arguments; i < stack.size(); ++i) {
    if (!stack[i].isTensor() || !stack[i].toTensor().defined()) continue;
    if (stack[i].toTensor().key_set().has_backend(backend)) return stack[i].toTensor().device();
  }
  return at::kMeta;
}

/// In front of an operator that takes a generator: puts in the thread's where there is none.
class PutInDefault final : public c10::OperatorKernel {
 public:
  PutInDefault(size_t position, size_t arguments) : behind_(arguments - position), arguments_(arguments) {}

  void operator()(const c10::OperatorHandle& handle, c10::DispatchKeySet keys, torch::jit::Stack* stack) {
    c10::IValue& generator = (*stack)[stack->size() - behind_];
    if (DefaultGenerators* mine = generators_of_thread(); mine != nullptr && generator.isNone()) {
      at::Generator found = mine->of(device_of(keys, *stack, arguments_));
      if (found.defined()) generator = std::move(found);
    }
    handle.redispatchBoxed(below_backend_select(keys), stack);
  }

 private:
  size_t behind_;  // the end of the stack
  size_t arguments_;
};

/// A GPU's dropout draws from libtorch's generator whatever the thread's is; the operator behind it takes one.
std::tuple<at::Tensor, at::Tensor> native_dropout(c10::DispatchKeySet keys, const at::Tensor& input, double p,
                                                  std::optional<bool> train) {
  const bool draws =
      at::isAccelerator(input.device().type()) && input.numel() > 0 && train.value_or(true) && p > 0 && p < 1;
  std::optional<at::Generator> generator;
  if (draws) put_in_default(generator, input);
  if (!generator) return at::_ops::native_dropout::redispatch(below_backend_select(keys), input, p, train);
  const auto [output, mask] = at::_fused_dropout(input, 1 - p, generator);
  return {output, mask.to(at::kBool)};
}

/// TorchScript's `torch.manual_seed(seed)`, which is no operator of the dispatcher.
void replace_manual_seed() {
  const std::string schema = "aten::manual_seed(int seed) -> ()";
  torch::jit::deregisterOperator(torch::jit::parseSchema(schema));
  torch::jit::registerOperator(torch::jit::Operator(
      schema,
      [](torch::jit::Stack& stack) {
        const auto seed = static_cast<uint64_t>(torch::jit::pop(stack).toInt());
        DefaultGenerators* mine = generators_of_thread();
        mine == nullptr ? torch::manual_seed(seed) : mine->seed(seed);
      },
      c10::AliasAnalysisKind::FROM_SCHEMA));
}

}  // namespace

void ProcessGenerators::seed(uint64_t seed) { torch::manual_seed(seed); }

SeparateGenerators::SeparateGenerators()
    : cpu_(at::detail::createCPUGenerator(c10::detail::getNonDeterministicRandom())) {}

at::Generator SeparateGenerators::of(const at::Device& device) {
  if (device.is_cpu()) return cpu_;
  if (!at::isAccelerator(device.type())) return {};
  at::Generator process = at::globalContext().defaultGenerator(device);
  const auto index = static_cast<size_t>(process.device().index());
  const std::lock_guard lock(mutex_);
  if (accelerators_.size() <= index) accelerators_.resize(index + 1);
  if (!accelerators_[index].defined()) {
    const std::lock_guard process_lock(process.mutex());
    accelerators_[index] = process.clone();
    seed_ ? accelerators_[index].set_current_seed(*seed_) : static_cast<void>(accelerators_[index].seed());
  }
  return accelerators_[index];
}

void SeparateGenerators::seed(uint64_t seed) {
  set_seed(cpu_, seed);
  const std::lock_guard lock(mutex_);
  seed_ = seed;
  for (at::Generator& generator : accelerators_) {
    if (generator.defined()) set_seed(generator, seed);
  }
}

void ChosenGenerator::seed(uint64_t seed) { set_seed(cpu_, seed); }

GeneratorsGuard::GeneratorsGuard(std::shared_ptr<DefaultGenerators> generators)
    : guard_(kKind, std::move(generators)) {}

at::Generator default_generator(const at::Device& device) {
  if (DefaultGenerators* mine = generators_of_thread()) {
    if (at::Generator found = mine->of(device); found.defined()) return found;
  }
  return at::globalContext().defaultGenerator(device);
}

void put_in_default(std::optional<at::Generator>& generator, const at::Tensor& tensor) {
  if (generator && generator->defined()) return;
  DefaultGenerators* mine = generators_of_thread();
  if (mine == nullptr) return;
  if (at::Generator found = mine->of(tensor.device()); found.defined()) generator = std::move(found);
}

void let_threads_have_generators() {
  static std::once_flag once;
  std::call_once(once, [] {
    c10::Dispatcher& dispatcher = c10::Dispatcher::singleton();
    for (const c10::OperatorName& name : dispatcher.getAllOpNames()) {
      if (name.getNamespace() != "aten") continue;
      const auto handle = dispatcher.findSchema(name);
      // Factories have a kernel of libtorch's there; the tensor that they make is filled by another operator. Kernels of
      // ours that are there already put in the generator themselves.
      if (!handle || handle->hasKernelForDispatchKey(c10::DispatchKey::BackendSelect)) continue;
      const auto& arguments = handle->schema().arguments();
      const auto found = std::find_if(arguments.begin(), arguments.end(), is_generator);
      if (found == arguments.end()) continue;
      const std::string plain = c10::toString(name).substr(std::string("aten::").size());
      kernels_at_backend_select().impl(plain.c_str(),
                                       torch::CppFunction::makeFromBoxedFunctor(std::make_unique<PutInDefault>(
                                           static_cast<size_t>(found - arguments.begin()), arguments.size())));
    }
    kernels_at_backend_select().impl("native_dropout", TORCH_FN(native_dropout));
    replace_manual_seed();
  });
}

}  // namespace continual
