#include "core/models/model_copy.h"

#include <torch/csrc/jit/serialization/export.h>

#include <condition_variable>
#include <mutex>

#include "core/error.h"
#include "core/files/output_file.h"
#include "core/models/object_copies.h"

namespace continual {
namespace {

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

at::Tensor copy_with_mode(const at::Tensor& tensor) {
  return tensor.detach().clone().requires_grad_(tensor.requires_grad());
}

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
    : reading_(std::make_shared<Reading>()), module_(ObjectCopies(copy_with_mode).of(model)) {}

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
