#include "binding/util/shared_memory.h"

#include "binding/environment.h"
#include "binding/util/arguments.h"

namespace continual::binding {

void ReleasedMemory::add(napi_ref reference) {
  std::lock_guard lock(mutex_);
  references_.push_back(reference);
}

void ReleasedMemory::free_all(Napi::Env env) {
  std::lock_guard lock(mutex_);
  for (napi_ref reference : references_) napi_delete_reference(env, reference);
  references_.clear();
}

std::shared_ptr<SharedMemory> SharedMemory::hold(Napi::Env env, const Napi::Value& typed_array) {
  napi_value buffer = nullptr;
  bool is_array_buffer = true;
  napi_ref reference = nullptr;
  if (napi_get_typedarray_info(env, typed_array, nullptr, nullptr, nullptr, &buffer, nullptr) != napi_ok ||
      napi_is_arraybuffer(env, buffer, &is_array_buffer) != napi_ok || is_array_buffer) {
    wrong_argument("a typed array on a SharedArrayBuffer");
  }
  if (napi_create_reference(env, typed_array, /*initial_refcount=*/1, &reference) != napi_ok) {
    throw Napi::Error::New(env);
  }
  return std::make_shared<SharedMemory>(reference, Environment::of(env).live_tensors->released());
}

}  // namespace continual::binding
