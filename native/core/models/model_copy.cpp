#include "core/models/model_copy.h"

#include <torch/csrc/jit/serialization/export.h>

#include <condition_variable>
#include <mutex>
#include <unordered_map>

#include "core/error.h"
#include "core/files/output_file.h"

namespace continual {
namespace {

/// `IValue::deepcopy` would take tensors that share a storage for the same tensor.
class Copying {
 public:
  c10::IValue of(const c10::IValue& value) {
    if (value.isTensor()) return of(value.toTensor());
    if (!value.isList() && !value.isGenericDict() && !value.isTuple() && !value.isObject()) return value;
    const auto known = copies_.find(value);
    if (known != copies_.end()) return known->second;
    return value.isList() ? of_list(value) : value.isObject() ? of_object(value) : of_others(value);
  }

 private:
  at::Tensor of(const at::Tensor& tensor) {
    if (!tensor.defined()) return tensor;
    at::Tensor& copy = tensors_[tensor.unsafeGetTensorImpl()];
    if (!copy.defined()) copy = tensor.detach().clone().requires_grad_(tensor.requires_grad());
    return copy;
  }

  // What may hold itself is known before its contents are copied.

  c10::IValue of_object(const c10::IValue& value) {
    const torch::jit::ObjectPtr copy = value.toObject()->copy();
    copies_.emplace(value, copy);
    for (size_t i = 0; i < copy->slots().size(); ++i) copy->setSlot(i, of(copy->getSlot(i)));
    return copy;
  }

  c10::IValue of_list(const c10::IValue& value) {
    const auto list = value.toList();
    c10::impl::GenericList copy(list.elementType());
    copies_.emplace(value, copy);
    copy.reserve(list.size());
    for (const c10::IValue& item : list.vec()) copy.push_back(of(item));
    return copy;
  }

  c10::IValue of_others(const c10::IValue& value) {
    if (value.isGenericDict()) {
      const auto dict = value.toGenericDict();
      c10::impl::GenericDict copy(dict.keyType(), dict.valueType());
      copies_.emplace(value, copy);
      for (const auto& entry : dict) copy.insert(of(entry.key()), of(entry.value()));
      return copy;
    }
    const auto& tuple = value.toTupleRef();
    std::vector<c10::IValue> elements;
    for (const c10::IValue& item : tuple.elements()) elements.push_back(of(item));
    return copies_.emplace(value, c10::ivalue::Tuple::createNamed(std::move(elements), tuple.type())).first->second;
  }

  c10::IValue::HashIdentityIValueMap copies_;
  std::unordered_map<at::TensorImpl*, at::Tensor> tensors_;
};

/// How many copies there are, in all threads.
class Copies {
 public:
  void add(int number) {
    {
      const std::lock_guard lock(mutex_);
      number_ += number;
    }
    changed_.notify_all();
  }

  void wait_for_none() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return number_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int number_ = 0;
};

Copies& copies() {
  static Copies all;
  return all;
}

struct Reading {
  Reading() { copies().add(1); }
  ~Reading() { copies().add(-1); }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
};

}  // namespace

ModelCopy::ModelCopy(const torch::jit::Module& model)
    : reading_(std::make_shared<Reading>()), module_(Copying().of(c10::IValue(model._ivalue())).toObject()) {}

void ModelCopy::write(const std::function<size_t(const void*, size_t)>& output) const {
  torch::jit::ExportModule(module_, output);
}

void ModelCopy::save(const std::string& path) const {
  const auto fail = [&](const std::string& reason) {
    throw Error("ERR_MODEL_SAVE", "jit.save: cannot write \"" + path + "\": " + reason);
  };
  OutputFile output(path);
  try {
    write([&](const void* data, size_t size) { return output.write(data, size); });
  } catch (const c10::Error& error) {
    if (is_out_of_memory(error)) throw;
    fail(error.what_without_backtrace());
  }
  const std::string reason = output.close();
  if (!reason.empty()) fail(reason);
}

std::string ModelCopy::saved() const {
  std::string bytes;
  write([&](const void* data, size_t size) {
    bytes.append(static_cast<const char*>(data), size);
    return size;
  });
  return bytes;
}

void wait_for_copies() { copies().wait_for_none(); }

}  // namespace continual
