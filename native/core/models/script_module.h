// TorchScript modules put together at run time: a name, children, and methods in TorchScript source.
#pragma once

#include "core/torch.h"

namespace continual {

/// A module without methods, in train mode.
torch::jit::Module script_module(const std::string& name);

/// What a module is made of, by name: shared, not copied. An undefined tensor is a parameter or buffer that is None, as
/// is a child that is not there.
struct ScriptParts {
  std::vector<std::pair<std::string, std::optional<torch::jit::Module>>> children = {};
  std::vector<std::pair<std::string, at::Tensor>> parameters = {};
  std::vector<std::pair<std::string, at::Tensor>> buffers = {};
  /// Numbers, booleans and lists of integers.
  std::vector<std::pair<std::string, c10::IValue>> attributes = {};
};

/// A module of these parts and methods.
/// @param source one or more `def`s, each with `self` first; "" for none
torch::jit::Module compose(const std::string& name, const ScriptParts& parts, const std::string& source);

/// The module put together anew, in a class of its own: without the parts `removed`, each of `parts` in the place of
/// one of its name or else behind all others, and with these methods. The module that there was stays what it is.
torch::jit::Module recompose(const torch::jit::Module& module, const std::vector<std::string>& removed,
                             const ScriptParts& parts, const std::string& source);

/// Takes the parts of these names out of a module whose methods use none of them, and puts `parts` behind what is left.
void replace_parts(torch::jit::Module& module, const std::vector<std::string>& removed, const ScriptParts& parts);

/// Another tensor takes the place of a parameter or buffer. Throws ERR_INVALID_ARG_VALUE where there is none.
void set_tensor(torch::jit::Module& module, const std::string& name, const at::Tensor& tensor);

/// How the method is called, for people: without `self`, types as Python writes them.
std::string signature(const c10::FunctionSchema& schema);

}  // namespace continual
