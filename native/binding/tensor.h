// The JavaScript handle of one tensor.
#pragma once

#include "binding/wrapped.h"
#include "core/torch.h"

namespace continual::binding {

class TensorHandle : public Wrapped<TensorHandle, at::Tensor> {
 public:
  static constexpr const char* kName = "Tensor";
  static constexpr napi_type_tag kTag{0x6c1f0f7c5b0e4a11, 0x9a3d51e07c2b4f01};

  static void define(Napi::Env env, Napi::Object exports);
  static Napi::Value wrap(Napi::Env env, const at::Tensor& tensor);
  /// The tensor of a handle. Throws ERR_DISPOSED where JavaScript has let go of it.
  static const at::Tensor& tensor(const Napi::Value& value);

  explicit TensorHandle(const Napi::CallbackInfo& info);
  void Finalize(Napi::Env env) override;

 private:
  const at::Tensor& alive() const;
  const at::Tensor& idle(const char* operation, Napi::Env env) const;
  void release(Napi::Env env);

  Napi::Value shape(const Napi::CallbackInfo& info);
  Napi::Value dtype(const Napi::CallbackInfo& info);
  Napi::Value device(const Napi::CallbackInfo& info);
  Napi::Value requires_grad(const Napi::CallbackInfo& info);
  Napi::Value set_requires_grad(const Napi::CallbackInfo& info);
  Napi::Value grad(const Napi::CallbackInfo& info);
  Napi::Value item(const Napi::CallbackInfo& info);
  Napi::Value to_typed_array(const Napi::CallbackInfo& info);
  Napi::Value backward(const Napi::CallbackInfo& info);
  Napi::Value is_same(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);
  Napi::Value is_disposed(const Napi::CallbackInfo& info);

  int64_t bytes_ = 0;
  std::shared_ptr<LiveTensors> live_tensors_;
};

}  // namespace continual::binding
