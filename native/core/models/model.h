// A PyTorch model: TorchScript from a file, or layers put together here.
#pragma once

#include <unordered_map>

#include "core/data/inputs.h"
#include "core/files/script_archive.h"
#include "core/models/inlined_forward.h"
#include "core/models/model_copy.h"
#include "core/models/script_module.h"
#include "core/models/single_operator.h"

namespace continual {

/// Wraps a TorchScript module. It is run without TorchScript's graph optimisation, so that every operator (dropout's
/// random numbers and autograd's formulas included) is the one that PyTorch runs in eager mode.
class Model {
 public:
  explicit Model(torch::jit::Module module);
  /// A module of the same class as that of `like`, whose forward has perhaps been made ready.
  Model(torch::jit::Module module, const Model& like);

  /// Throws ERR_MODEL_FILE_EMPTY, ERR_MODEL_FILE_PICKLE, ERR_MODEL_FILE_FORMAT, ERR_MODEL_FILE_READ.
  static Model load(const ModelFile& file, const at::Device& device);
  /// What is there now, to be saved.
  ModelCopy copy() const;

  /// The method `forward` as source, and as a graph.
  std::string code();
  std::string graph();

  const torch::jit::Module& module() const { return module_; }
  torch::jit::Module& module() { return module_; }

  /// Another module is of the class of this one from now on.
  void share_class() { shares_class_ = true; }

  /// Puts the module together anew (see `continual::recompose`). Models around it go on with the module that there was
  /// until they are told of this one. Without `source` methods stay what they are, and use none of the parts.
  void recompose(const std::vector<std::string>& removed, const ScriptParts& parts,
                 const std::optional<std::string>& source);
  /// Another tensor takes the place of a parameter or buffer. Throws ERR_INVALID_ARG_VALUE where there is none.
  void set_tensor(const std::string& name, const at::Tensor& tensor) { continual::set_tensor(module_, name, tensor); }

  /// Order of the module tree, a tensor that is shared once and under its first name.
  std::vector<std::pair<std::string, at::Tensor>> named_parameters() const;
  std::vector<std::pair<std::string, at::Tensor>> named_buffers() const;

  struct StateEntry {
    std::string name;
    at::Tensor tensor;
    bool is_buffer;
  };
  /// In the order of PyTorch's state dict: of each module its parameters, its buffers, then what is in its children. A
  /// tensor stands under every name that it has. Without `recurse` that of the outermost module alone.
  std::vector<StateEntry> state(bool recurse) const;

  /// Path and class of every module of the tree, this one under "": `Linear`, of a file too.
  std::vector<std::pair<std::string, std::string>> classes() const;
  /// The methods that the class of the model defines itself.
  std::vector<std::string> method_names() const;
  /// A method, to be called at once. Throws ERR_INVALID_ARG_VALUE where there is none of that name.
  torch::jit::Method method(const std::string& name);
  /// Calls it with what its schema wants behind `self`.
  c10::IValue call(const torch::jit::Method& method, torch::jit::Stack inputs);

  /// The method `forward` as one graph; made once. On the JavaScript thread, or in a job that changes the model.
  const std::shared_ptr<const InlinedForward>& inlined(const torch::jit::Method& forward);

  /// `forward` of one tensor, where it is a single operator; null otherwise, and while a trace writes calls down.
  SingleOperator* single_operator();

  /// True where forward has an input for the task label of each sample (see `task_labels_argument`).
  bool takes_task_labels() const;

  /// Task labels (int64 [B]) are passed on to a model that takes them, and left out otherwise.
  /// Throws ERR_MODEL_OUTPUT where the model returns something else than one tensor, and what `forward_arguments` does
  /// where it does not take these inputs.
  at::Tensor forward(const Inputs& inputs, const at::Tensor& task_labels = {});

  /// Of a multi-task model: the output of one task's head, and of those of all tasks that have been trained.
  at::Tensor forward_single_task(const at::Tensor& input, int64_t task);
  std::vector<std::pair<int64_t, at::Tensor>> forward_all_tasks(const at::Tensor& input);

  void train(bool on) { module_.train(on); }
  bool is_training() const { return module_.is_training(); }
  /// Train or eval mode of the outermost module alone.
  void set_training(bool on);
  /// Moves what is not there yet; of a dtype, what holds floating-point numbers. Tensors keep their identity.
  void to(std::optional<at::Device> device, std::optional<at::ScalarType> dtype);

  /// The train/eval mode of every module by name, to be put back later; modules made meanwhile then go to train mode.
  std::unordered_map<std::string, bool> modes() const;
  void set_modes(const std::unordered_map<std::string, bool>& modes);

 private:
  c10::IValue run_forward(const torch::jit::Method& forward, torch::jit::Stack inputs);

  torch::jit::Module module_;
  bool shares_class_ = false;
  std::optional<SingleOperator> single_operator_;
  std::shared_ptr<const InlinedForward> inlined_forward_;
};

}  // namespace continual
