// A second, tiny addon, without libtorch: it loads shared libraries by path, before the addon that needs them. The addon
// then takes what is loaded already instead of searching for it, and the library that registers CUDA is there in time.
// It also asks NVIDIA's driver what it has, by the driver's own interface: that needs no CUDA toolkit and no libtorch.
#include <string>

#include "binding/util/napi_setup.h"

#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace {

#ifdef _WIN32
using Library = HMODULE;

std::string last_error() {
  const DWORD code = GetLastError();
  char* text = nullptr;
  FormatMessageA(FORMAT_MESSAGE_ALLOCATE_BUFFER | FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, nullptr, code,
                 0, reinterpret_cast<char*>(&text), 0, nullptr);
  const std::string message = text == nullptr ? "error " + std::to_string(code) : text;
  LocalFree(text);
  return message;
}

Library open_library(const std::u16string& path, const std::string&) {
  // What the library needs is looked for beside it, not beside node.exe. A bare name is one of the system's.
  const bool bare = path.find_first_of(u"\\/") == std::u16string::npos;
  return LoadLibraryExW(reinterpret_cast<const wchar_t*>(path.c_str()), nullptr,
                        bare ? LOAD_LIBRARY_SEARCH_SYSTEM32
                             : LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_DEFAULT_DIRS);
}

template <typename Function>
Function* symbol(Library library, const char* name) {
  return reinterpret_cast<Function*>(GetProcAddress(library, name));
}
#else
using Library = void*;

std::string last_error() {
  const char* message = dlerror();
  return message == nullptr ? "unknown error" : message;
}

Library open_library(const std::u16string&, const std::string& path) { return dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL); }

template <typename Function>
Function* symbol(Library library, const char* name) {
  return reinterpret_cast<Function*>(dlsym(library, name));
}
#endif

Library opened(const Napi::Value& path) {
  if (!path.IsString()) throw Napi::TypeError::New(path.Env(), "open: expected a path");
  const Napi::String text = path.As<Napi::String>();
  const Library library = open_library(text.Utf16Value(), text.Utf8Value());
  if (library == nullptr) throw Napi::Error::New(path.Env(), last_error());
  return library;
}

/// Native: open(path: string) -> void: loads a shared library for as long as the process lives. Throws with the system's
/// own words.
Napi::Value open(const Napi::CallbackInfo& info) {
  opened(info[0]);
  return info.Env().Undefined();
}

/// The driver's own word for an error, CUDA_ERROR_NO_DEVICE for example.
std::string error_name(Library driver, int status) {
  const char* name = nullptr;
  auto* function = symbol<int(int, const char**)>(driver, "cuGetErrorName");
  if (function != nullptr) function(status, &name);
  return (name == nullptr ? std::string("error") : std::string(name)) + " (" + std::to_string(status) + ")";
}

template <typename Function, typename... Arguments>
void call(Napi::Env env, Library driver, const char* name, Arguments... arguments) {
  Function* function = symbol<Function>(driver, name);
  if (function == nullptr) throw Napi::Error::New(env, std::string("the driver has no ") + name);
  if (const int status = function(arguments...); status != 0) {
    throw Napi::Error::New(env, std::string(name) + " fails with " + error_name(driver, status));
  }
}

/// Native: cudaDriver(path: string) ->
///   { version: number, devices: { name: string, capability: string }[], problem: string | null }
/// `version` is the newest CUDA that the driver serves, 12040 for 12.4; `problem` tells why it cannot be started. Throws
/// where there is no driver.
/// NVIDIA's "CUDA Driver API": cuInit, cuDriverGetVersion, cuDeviceGetCount, cuDeviceGetName, cuDeviceGetAttribute.
Napi::Value cuda_driver(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Library driver = opened(info[0]);
  constexpr int major_attribute = 75;
  constexpr int minor_attribute = 76;
  int version = 0;
  call<int(int*)>(env, driver, "cuDriverGetVersion", &version);
  Napi::Object result = Napi::Object::New(env);
  Napi::Array devices = Napi::Array::New(env);
  result.Set("version", version);
  result.Set("devices", devices);
  result.Set("problem", env.Null());
  auto* initialize = symbol<int(unsigned)>(driver, "cuInit");
  if (const int status = initialize == nullptr ? -1 : initialize(0); status != 0) {
    result.Set("problem", error_name(driver, status));
    return result;
  }
  int count = 0;
  call<int(int*)>(env, driver, "cuDeviceGetCount", &count);
  for (int device = 0; device < count; ++device) {
    char name[256] = {};
    int major = 0;
    int minor = 0;
    call<int(char*, int, int)>(env, driver, "cuDeviceGetName", name, static_cast<int>(sizeof name), device);
    call<int(int*, int, int)>(env, driver, "cuDeviceGetAttribute", &major, major_attribute, device);
    call<int(int*, int, int)>(env, driver, "cuDeviceGetAttribute", &minor, minor_attribute, device);
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", std::string(name));
    entry.Set("capability", std::to_string(major) + "." + std::to_string(minor));
    devices.Set(static_cast<uint32_t>(device), entry);
  }
  return result;
}

Napi::Object start(Napi::Env env, Napi::Object exports) {
  exports.Set("open", Napi::Function::New(env, open, "open"));
  exports.Set("cudaDriver", Napi::Function::New(env, cuda_driver, "cudaDriver"));
  return exports;
}

}  // namespace

NODE_API_MODULE(opener, start)
