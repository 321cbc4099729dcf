// The stand-in's generators: they draw what one of the CPU with the same seed draws.
#pragma once

#include "core/torch.h"

namespace continual::standin {

/// Draws from the CPU's default generator: recorded numbers hold wherever a model's tensors lie.
const at::Generator& default_generator();
at::Generator new_generator();

/// The generator of the CPU that draws for `generator`, one of the stand-in's.
at::Generator of_cpu(const at::Generator& generator);

}  // namespace continual::standin
