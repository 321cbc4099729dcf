#include "binding/functions/weights.h"

#include <cmath>
#include <cstring>

#include "binding/objects/tensor.h"
#include "binding/util/arguments.h"
#include "binding/util/beside_worker.h"
#include "binding/util/promise_worker.h"
#include "core/files/byte_files.h"
#include "core/files/byte_storage.h"
#include "core/files/packed_tensors.h"

namespace continual::binding {
namespace {

/// Every dtype of libtorch by PyTorch's name, also those that JavaScript has no typed array for.
at::ScalarType scalar_type_named(const std::string& name) {
  const auto& types = c10::getStringToDtypeMap();
  const auto type = types.find(name);
  if (type == types.end()) throw Error("ERR_INVALID_ARG_VALUE", "expected a dtype, got \"" + name + "\"");
  return type->second;
}

std::vector<int64_t> integer_list(const Napi::Value& value, const char* name) {
  return array_argument(value, name, [name](const Napi::Value& item) { return integer_argument(item, name); });
}

Napi::Array to_numbers(Napi::Env env, at::IntArrayRef integers) {
  Napi::Array result = Napi::Array::New(env, integers.size());
  for (uint32_t i = 0; i < integers.size(); ++i) result.Set(i, static_cast<double>(integers[i]));
  return result;
}

/// Native: readFile(path: string, mapFrom: number) -> Promise<{ bytes: Tensor, isMapped: boolean }>
Napi::Value read_file(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const double map_from = number_argument(info[1], "mapFrom");
    const int64_t least = std::isfinite(map_from) ? integer_argument(info[1], "mapFrom") : INT64_MAX;
    return run_on_compute_thread(
        info.Env(), {}, [path = string_argument(info[0], "path"), least] { return continual::read_file(path, least); },
        [](Napi::Env env, FileBytes file) {
          Napi::Object result = Napi::Object::New(env);
          result.Set("bytes", TensorHandle::wrap(env, std::move(file.bytes)));
          result.Set("isMapped", file.is_mapped);
          return result;
        });
  });
}

/// Native: copyBytes(bytes: Tensor, offset: number, into: Uint8Array) -> void: as many as `into` holds.
Napi::Value copy_bytes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const at::Tensor& bytes = TensorHandle::tensor(info[0]);
    if (!info[2].IsTypedArray()) wrong_argument("into to be a Uint8Array");
    auto into = info[2].As<Napi::Uint8Array>();
    const int64_t offset = integer_argument(info[1], "offset");
    const auto length = static_cast<int64_t>(into.ElementLength());
    if (offset < 0 || offset > bytes.numel() || length > bytes.numel() - offset) wrong_argument("bytes that are there");
    if (length > 0)
      std::memcpy(into.Data(), static_cast<const char*>(bytes.const_data_ptr()) + offset, into.ByteLength());
    return info.Env().Undefined();
  });
}

/// Native: crc32(bytes: Tensor, ranges: [offset: number, length: number][]) -> Promise<number[]>
Napi::Value crc32(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    auto ranges =
        array_argument(info[1], "ranges", [](const Napi::Value& range) { return integer_list(range, "a range"); });
    return run_on_compute_thread(
        info.Env(), {},
        [bytes = TensorHandle::tensor(info[0]), ranges = std::move(ranges)] {
          std::vector<int64_t> result;
          for (const auto& range : ranges) result.push_back(crc32_of(bytes, range.at(0), range.at(1)));
          return result;
        },
        [](Napi::Env env, const std::vector<int64_t>& result) { return to_numbers(env, result); });
  });
}

/// Native: storageOfBytes(bytes: Tensor, offset: number, length: number, alignment: number) -> Tensor
Napi::Value storage_of_bytes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    return TensorHandle::wrap(
        info.Env(),
        continual::storage_of_bytes(TensorHandle::tensor(info[0]), integer_argument(info[1], "offset"),
                                    integer_argument(info[2], "length"), integer_argument(info[3], "alignment")));
  });
}

/// Native: alignBytes(bytes: Tensor, offset: number, alignment: number) -> number
Napi::Value align_bytes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const int64_t moved = continual::align_bytes(TensorHandle::tensor(info[0]), integer_argument(info[1], "offset"),
                                                 integer_argument(info[2], "alignment"));
    return Napi::Number::New(info.Env(), static_cast<double>(moved));
  });
}

/// Native: tensorInStorage(storage: Tensor, dtype: string, offset: number, shape: number[], stride: number[],
/// requiresGrad: boolean) -> Tensor
Napi::Value tensor_in_storage(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    return TensorHandle::wrap(info.Env(),
                              continual::tensor_in_storage(
                                  TensorHandle::tensor(info[0]), scalar_type_named(string_argument(info[1], "dtype")),
                                  integer_argument(info[2], "offset"), integer_list(info[3], "shape"),
                                  integer_list(info[4], "stride"), boolean_argument(info[5], "requiresGrad")));
  });
}

/// Native: placeInStorage(tensor: Tensor, storage: Tensor, offset: number, shape: number[], stride: number[]) -> void
Napi::Value place_in_storage(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    continual::place_in_storage(TensorHandle::tensor(info[0]), TensorHandle::tensor(info[1]),
                                integer_argument(info[2], "offset"), integer_list(info[3], "shape"),
                                integer_list(info[4], "stride"));
    return info.Env().Undefined();
  });
}

/// Native: areBools(storage: Tensor) -> boolean
Napi::Value are_bools(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::Boolean::New(info.Env(), continual::are_bools(TensorHandle::tensor(info[0])));
  });
}

/// Native: dtypeSize(dtype: string) -> number: bytes of an element.
Napi::Value dtype_size(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const size_t size = c10::elementSize(scalar_type_named(string_argument(info[0], "dtype")));
    return Napi::Number::New(info.Env(), static_cast<double>(size));
  });
}

/// Native: describeStorage(tensor: Tensor) -> { id, storage, dtype, offset, shape, stride }
Napi::Value describe_storage(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const at::Tensor& tensor = TensorHandle::tensor(info[0]);
    const at::Tensor bytes = bytes_of_storage(tensor);
    const auto id = reinterpret_cast<std::uintptr_t>(bytes.storage().unsafeGetStorageImpl());
    Napi::Object result = Napi::Object::New(env);
    result.Set("id", Napi::BigInt::New(env, static_cast<uint64_t>(id)));
    result.Set("storage", TensorHandle::wrap(env, bytes));
    result.Set("dtype", std::string(c10::getDtypeNames(tensor.scalar_type()).first));
    result.Set("offset", static_cast<double>(tensor.storage_offset()));
    result.Set("shape", to_numbers(env, tensor.sizes()));
    result.Set("stride", to_numbers(env, tensor.strides()));
    return result;
  });
}

/// Native: storageKind(tensor: Tensor) -> "dense" | "quantized" | "sparse" | "nested" | "meta" | "other"
Napi::Value storage_kind(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::String::New(info.Env(), continual::storage_kind(TensorHandle::tensor(info[0])));
  });
}

/// A part to write: [name, bytes: Uint8Array] or [name, tensor, offset, length] (bytes of a uint8 tensor) or
/// [name, tensor] (all of any tensor).
Part part_argument(const Napi::Value& value) {
  if (!value.IsArray()) wrong_argument("a part to be an array");
  const auto array = value.As<Napi::Array>();
  Part part{.name = string_argument(array.Get(0u), "a name")};
  const Napi::Value content = array.Get(1u);
  if (content.IsTypedArray()) {
    const auto bytes = content.As<Napi::Uint8Array>();
    part.bytes.assign(reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength());
    return part;
  }
  // Its memory as it is now: laying out a model's parameters anew gives the tensor another.
  part.tensor = TensorHandle::tensor(content).detach();
  if (array.Length() > 2) {
    part.tensor =
        part.tensor.narrow(0, integer_argument(array.Get(2u), "offset"), integer_argument(array.Get(3u), "length"));
  }
  return part;
}

/// Native: writeFile(path: string, parts) and writeZip(path: string, records) -> Promise<void>, on the compute thread.
template <void (*write)(const std::string&, const std::vector<Part>&)>
Napi::Value write_parts(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return run_on_compute_thread(
        info.Env(), {},
        [path = string_argument(info[0], "path"), parts = array_argument(info[1], "parts", part_argument)] {
          write(path, parts);
          return true;
        },
        [](Napi::Env env, bool) { return env.Undefined(); });
  });
}

/// Native: writePacked(path: string, header: Uint8Array, bytes: Tensor) -> Promise<number>, beside the compute thread:
/// the CRC-32 of the file, which holds the one behind the other.
Napi::Value write_packed(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (!info[1].IsTypedArray()) wrong_argument("header to be a Uint8Array");
    const auto array = info[1].As<Napi::Uint8Array>();
    const at::Tensor& bytes = TensorHandle::tensor(info[2]);
    if (bytes.scalar_type() != at::kByte || !bytes.device().is_cpu() || !bytes.is_contiguous()) {
      wrong_argument("bytes on the CPU");
    }
    return run_beside(
        info.Env(),
        [path = string_argument(info[0], "path"),
         header = std::string(reinterpret_cast<const char*>(array.Data()), array.ByteLength()),
         bytes] { return continual::write_packed(path, header, bytes); },
        [](Napi::Env env, uint32_t sum) { return Napi::Number::New(env, sum); });
  });
}

}  // namespace

void define_weights(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  add("readFile", read_file);
  add("copyBytes", copy_bytes);
  add("crc32", crc32);
  add("storageOfBytes", storage_of_bytes);
  add("alignBytes", align_bytes);
  add("tensorInStorage", tensor_in_storage);
  add("placeInStorage", place_in_storage);
  add("areBools", are_bools);
  add("dtypeSize", dtype_size);
  add("describeStorage", describe_storage);
  add("storageKind", storage_kind);
  add("writeFile", write_parts<write_file>);
  add("writeZip", write_parts<write_zip>);
  add("writePacked", write_packed);
}

}  // namespace continual::binding
