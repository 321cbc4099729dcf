// Gradients from JavaScript: backward, grad, and whether operators are recorded for them.
#pragma once

#include <ATen/core/Tensor.h>

#include "binding/util/napi_setup.h"

namespace continual::binding {

/// Gives a tensor a gradient; undefined: none. Throws ERR_SHAPE where it is of another shape, dtype or device.
void set_grad(const at::Tensor& tensor, const at::Tensor& grad);

void define_autograd(Napi::Env env, Napi::Object exports);

}  // namespace continual::binding
