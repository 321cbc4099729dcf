#include "test/standin/generator.h"

#include <ATen/CPUGeneratorImpl.h>

#include "test/standin/device.h"

namespace continual::standin {
namespace {

class StandinGenerator final : public c10::GeneratorImpl {
 public:
  explicit StandinGenerator(at::Generator drawing)
      : c10::GeneratorImpl(standin::device(), c10::DispatchKeySet(c10::DispatchKey::PrivateUse1)),
        drawing_(std::move(drawing)) {}

  void set_current_seed(uint64_t seed) override { drawing_.set_current_seed(seed); }
  uint64_t current_seed() const override { return drawing_.current_seed(); }
  void set_offset(uint64_t offset) override { drawing_.set_offset(offset); }
  uint64_t get_offset() const override { return drawing_.get_offset(); }
  uint64_t seed() override { return drawing_.seed(); }
  void set_state(const c10::TensorImpl& state) override { drawing_.unsafeGetGeneratorImpl()->set_state(state); }
  c10::intrusive_ptr<c10::TensorImpl> get_state() const override {
    return drawing_.unsafeGetGeneratorImpl()->get_state();
  }

  const at::Generator& drawing() const { return drawing_; }

 private:
  StandinGenerator* clone_impl() const override { return new StandinGenerator(drawing_.clone()); }

  at::Generator drawing_;
};

}  // namespace

at::Generator new_generator() {
  return at::make_generator<StandinGenerator>(at::detail::createCPUGenerator(c10::default_rng_seed_val));
}

const at::Generator& default_generator() {
  static const at::Generator only = at::make_generator<StandinGenerator>(at::detail::getDefaultCPUGenerator());
  return only;
}

at::Generator of_cpu(const at::Generator& generator) {
  const auto* own = dynamic_cast<const StandinGenerator*>(generator.unsafeGetGeneratorImpl());
  TORCH_CHECK(own != nullptr, "Expected a 'standin' device type for generator but found '", generator.device().type(),
              "'");
  return own->drawing();
}

}  // namespace continual::standin
