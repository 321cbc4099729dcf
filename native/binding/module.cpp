#include "binding/module.h"

#include "binding/device.h"
#include "binding/promise_worker.h"
#include "binding/tensor.h"
#include "core/modules.h"

namespace continual::binding {
namespace {

Napi::Value to_entries(Napi::Env env, const std::vector<std::pair<std::string, at::Tensor>>& named) {
  Napi::Array entries = Napi::Array::New(env, named.size());
  for (uint32_t i = 0; i < named.size(); ++i) {
    Napi::Array entry = Napi::Array::New(env, 2);
    entry.Set(0u, Napi::String::New(env, named[i].first));
    entry.Set(1u, TensorHandle::wrap(env, named[i].second));
    entries.Set(i, entry);
  }
  return entries;
}

/// Native: jitLoad(path: string) -> Promise<Module>
Napi::Value jit_load(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return run_on_compute_thread(
        info.Env(), {}, [path = string_argument(info[0], "path")] { return Model::load(path); },
        [](Napi::Env env, Model model) { return ModuleHandle::wrap(env, std::move(model)); });
  });
}

/// Native: createModule(kind: string, ...args) -> Module: one row for each layer.
Napi::Value create_module(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const std::string kind = string_argument(info[0], "kind");
    const auto integer = [&](size_t i) { return integer_argument(info[i], "an option"); };
    const auto wrap = [&](torch::jit::Module module) { return ModuleHandle::wrap(env, Model(std::move(module))); };
    if (kind == "Linear") return wrap(modules::linear(integer(1), integer(2), boolean_argument(info[3], "bias")));
    if (kind == "ReLU") return wrap(modules::relu());
    if (kind == "Dropout") return wrap(modules::dropout(number_argument(info[1], "p")));
    if (kind == "Flatten") return wrap(modules::flatten(integer(1), integer(2)));
    if (kind == "Sequential") {
      return wrap(modules::sequential(array_argument(
          info[1], "children", [](const Napi::Value& child) { return ModuleHandle::get(child)->object->module(); })));
    }
    if (kind == "SimpleMLP") {
      return wrap(
          modules::simple_mlp(integer(1), integer(2), integer(3), integer(4), number_argument(info[5], "dropRate")));
    }
    wrong_argument("a known kind of module");
  });
}

}  // namespace

void ModuleHandle::define(Napi::Env env, Napi::Object exports) {
  using Self = ModuleHandle;
  const Napi::Function constructor =
      DefineClass(env, kName,
                  {InstanceMethod<&Self::named_parameters>("namedParameters"),
                   InstanceMethod<&Self::named_buffers>("namedBuffers"), InstanceMethod<&Self::forward>("forward"),
                   InstanceMethod<&Self::train>("train"), InstanceMethod<&Self::is_training>("isTraining"),
                   InstanceMethod<&Self::to>("to"), InstanceMethod<&Self::modes>("modes"),
                   InstanceMethod<&Self::set_modes>("setModes"), InstanceMethod<&Self::save>("save")});
  Environment::of(env).module_class = Napi::Persistent(constructor);
  exports.Set("jitLoad", Napi::Function::New(env, jit_load, "jitLoad"));
  exports.Set("createModule", Napi::Function::New(env, create_module, "createModule"));
}

Napi::Value ModuleHandle::wrap(Napi::Env env, Model model) {
  return make(env, Environment::of(env).module_class,
              std::make_shared<Shared<Model>>(std::make_shared<Model>(std::move(model))));
}

Napi::Value ModuleHandle::named_parameters(const Napi::CallbackInfo& info) {
  return guarded(info.Env(),
                 [&] { return to_entries(info.Env(), value_->idle("namedParameters").named_parameters()); });
}

Napi::Value ModuleHandle::named_buffers(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return to_entries(info.Env(), value_->idle("namedBuffers").named_buffers()); });
}

/// forward(input: Tensor) -> Tensor: synchronous, on the calling thread.
Napi::Value ModuleHandle::forward(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    return TensorHandle::wrap(info.Env(), value_->idle("forward").forward(TensorHandle::tensor(info[0])));
  });
}

Napi::Value ModuleHandle::train(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    value_->idle("train").train(boolean_argument(info[0], "mode"));
    return info.Env().Undefined();
  });
}

Napi::Value ModuleHandle::is_training(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::Boolean::New(info.Env(), value_->idle("training").is_training());
  });
}

Napi::Value ModuleHandle::to(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    value_->idle("to").to(device_named(string_argument(info[0], "device")));
    return info.Env().Undefined();
  });
}

Napi::Value ModuleHandle::modes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const std::vector<bool> modes = value_->idle("modes").modes();
    Napi::Array result = Napi::Array::New(info.Env(), modes.size());
    for (uint32_t i = 0; i < modes.size(); ++i) result.Set(i, Napi::Boolean::New(info.Env(), modes[i]));
    return result;
  });
}

Napi::Value ModuleHandle::set_modes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    value_->idle("setModes").set_modes(array_argument(info[0], "modes", [](const Napi::Value& value) {
      return boolean_argument(value, "mode");
    }));
    return info.Env().Undefined();
  });
}

/// save(path: string) -> Promise<void>, behind whatever the compute thread has to do before.
Napi::Value ModuleHandle::save(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return run_on_compute_thread(
        info.Env(), {value_},
        [model = value_->object, path = string_argument(info[0], "path")] {
          model->save(path);
          return true;
        },
        [](Napi::Env env, bool) { return env.Undefined(); });
  });
}

}  // namespace continual::binding
