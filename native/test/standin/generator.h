// The stand-in's generators: they draw what one of the CPU with the same seed draws.
#pragma once

#include "core/torch.h"

namespace continual::standin {

const at::Generator& default_generator();
at::Generator new_generator();

/// The generator of the CPU that draws for `generator`, one of the stand-in's.
at::Generator of_cpu(const at::Generator& generator);

}  // namespace continual::standin
