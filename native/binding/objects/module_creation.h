// Modules made from JavaScript: from TorchScript files, and from parts.
#pragma once

#include "binding/objects/module.h"
#include "core/models/script_module.h"

namespace continual::binding {

using Children = std::vector<std::shared_ptr<Shared<Model>>>;

/// A module that no job is using. Throws ERR_BUSY.
std::shared_ptr<Shared<Model>> idle_child(const Napi::Value& value);

/// Children, parameters and buffers, as lists of [name, value]: arguments `first` and the two behind it. null stands for
/// one that the module does without.
ScriptParts parts_argument(const Napi::CallbackInfo& info, size_t first, Children& children);

void define_module_creation(Napi::Env env, Napi::Object exports);

}  // namespace continual::binding
