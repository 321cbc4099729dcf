// Calling any operator from JavaScript.
#include "binding/functions/operators.h"

#include <ATen/ScalarOps.h>
#include <torch/csrc/jit/frontend/tracer.h>

#include "binding/environment.h"
#include "binding/functions/operator_arguments.h"
#include "binding/objects/live_tensors.h"
#include "binding/objects/tensor.h"
#include "binding/util/arguments.h"
#include "binding/util/errors.h"
#include "binding/util/ivalues.h"
#include "binding/util/occupation.h"
#include "core/compute/work_size.h"
#include "core/operators/call_or_restore.h"

namespace continual::binding {
namespace {

/// What libtorch reports, with the schema that the arguments were read by.
void call_boxed(Environment& environment, const BoundOperator& bound, const BoundOverload& overload,
                torch::jit::Stack& stack) {
  // What a check calls, a trace would record.
  if (bound.check != nullptr && !torch::jit::tracer::isTracing()) bound.check(overload.schema(), stack);
  try {
    environment.run(is_large_call(bound.multiplies, overload.is_tensor, stack), [&] {
      overload.moves ? call_or_restore(overload.handle, stack) : overload.handle.callBoxed(stack);
    });
  } catch (const c10::Error& error) {
    if (is_out_of_memory(error) || dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr) {
      throw Error("ERR_OUT_OF_MEMORY",
                  c10::str("operator ", overload.schema().name(), ": ", error.what_without_backtrace()));
    }
    throw Error("ERR_TORCH", c10::str("operator ", overload.schema().name(), ": ", error.what_without_backtrace(),
                                      "\n  ", overload.schema()));
  }
}

napi_value call_operator(napi_env raw_env, napi_callback_info info) {
  const Napi::Env env(raw_env);
  try {
    return guarded(env, [&]() -> Napi::Value {
      const Call call(env, info);
      const BoundOperator& bound = call.bound();
      Environment& environment = Environment::of(env);
      if (bound.moves_tensors && environment.occupying_jobs > 0) {
        throw busy("operator " + bound.name, "no strategy to be training or evaluating, got one");
      }
      torch::jit::Stack stack;
      for (const BoundOverload& overload : bound.overloads) {
        if (!match(overload, call, stack)) continue;
        if (overload.device != kNone && environment.default_device && stack[overload.device].isNone()) {
          stack[overload.device] = *environment.default_device;
        }
        if (overload.of_tensor == kNone) {
          call_boxed(environment, bound, overload, stack);
        } else {
          stack.back() = at::native::wrapped_scalar_tensor(stack.back().toScalar());
          call_boxed(environment, bound, bound.overloads[overload.of_tensor], stack);
        }
        const Napi::Value with_gradient = requires_grad(call, overload);
        if (!with_gradient.IsEmpty() && with_gradient.IsBoolean() && with_gradient.As<Napi::Boolean>().Value()) {
          stack[0].toTensor().set_requires_grad(true);
        }
        if (overload.returns_self && call.count() > 0) return call.positional(0);
        if (stack.empty()) return env.Undefined();
        if (stack.size() == 1) {
          if (stack[0].isTensor()) return TensorHandle::wrap(env, std::move(stack[0]).toTensor());
          return to_javascript(env, stack[0]);
        }
        Napi::Array results = Napi::Array::New(env, stack.size());
        for (uint32_t i = 0; i < stack.size(); ++i) results.Set(i, to_javascript(env, stack[i]));
        return results;
      }
      throw_no_overload(bound, call);
    });
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
    return nullptr;
  }
}

/// Native: operatorFunction(name: string) -> (...args: Value[]) => Value
/// `name` is "aten::add" or "aten::add.Tensor"; without an overload the first that takes the arguments is called, with
/// it that one ("default" is the one without a name). A plain object in last place holds keyword arguments, under the
/// schema's names or these in camelCase. What changes its first argument and returns it gives back the very handle. The
/// function is synchronous and throws ERR_NO_OVERLOAD (with the schemas there are), ERR_TORCH, ERR_BUSY. Throws
/// ERR_UNKNOWN_OPERATOR.
Napi::Value operator_function(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    auto bound = bind_operator(string_argument(info[0], "name"));
    napi_value function = nullptr;
    const std::string& name = bound->name;
    if (napi_create_function(env, name.c_str(), name.size(), call_operator, bound.get(), &function) != napi_ok) {
      throw Napi::Error::New(env);
    }
    // Functions live as long as the environment: lib/ keeps one for each name.
    Environment::of(env).operators.push_back(std::shared_ptr<void>(std::move(bound)));
    return Napi::Value(env, function);
  });
}

}  // namespace

void define_operators(Napi::Env env, Napi::Object exports) {
  exports.Set("operatorFunction", Napi::Function::New(env, operator_function, "operatorFunction"));
}

}  // namespace continual::binding
