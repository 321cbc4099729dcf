// The JavaScript handle of what MAS remembers.
#include "binding/objects/mas.h"

#include "binding/objects/tensor.h"

namespace continual::binding {
namespace {

/// Native: createMas(lambda: number, alpha: number) -> Mas
Napi::Value create_mas(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    return MasHandle::make(Environment::of(env).mas_class,
                           std::make_shared<Shared<Mas>>(std::make_shared<Mas>(number_argument(info[0], "lambda"),
                                                                               number_argument(info[1], "alpha"))));
  });
}

}  // namespace

void MasHandle::define(Napi::Env env, Napi::Object exports) {
  const Napi::Function constructor = DefineClass(env, kName, {InstanceMethod<&MasHandle::memory>("memory")});
  Environment::of(env).mas_class = Napi::Persistent(constructor);
  exports.Set("createMas", Napi::Function::New(env, create_mas, "createMas"));
}

/// memory() -> [name: string, importance: Tensor, anchor: Tensor][]; the tensors are views of the memory itself.
Napi::Value MasHandle::memory(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const auto& memory = value_->idle("importance").memory();
    Napi::Array result = Napi::Array::New(env, memory.size());
    for (uint32_t i = 0; i < memory.size(); ++i) {
      Napi::Array entry = Napi::Array::New(env, 3);
      entry.Set(0u, Napi::String::New(env, memory[i].name));
      entry.Set(1u, TensorHandle::wrap(env, memory[i].importance));
      entry.Set(2u, TensorHandle::wrap(env, memory[i].anchor));
      result.Set(i, entry);
    }
    return result;
  });
}

}  // namespace continual::binding
