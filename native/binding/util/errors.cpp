#include "binding/util/errors.h"

#include <c10/util/Exception.h>
#include <c10/util/ScopeExit.h>

#include <new>

#include "binding/environment.h"
#include "core/error.h"
#include "core/models/script_errors.h"

namespace continual::binding {
namespace {

/// TorchScript and some operators put a C++ backtrace into the message itself.
std::string without_backtrace(std::string message) {
  for (const char* mark : {"\nException raised from", "\nC++ CapturedTraceback"}) {
    const size_t at = message.find(mark);
    if (at != std::string::npos) message.resize(at);
  }
  return message;
}

}  // namespace

Failure describe(std::exception_ptr error) {
  try {
    std::rethrow_exception(error);
  } catch (const Error& failure) {
    return {failure.code(), without_backtrace(failure.what())};
  } catch (const c10::OutOfMemoryError& failure) {
    return {"ERR_OUT_OF_MEMORY", without_backtrace(failure.what_without_backtrace())};
  } catch (const c10::Error& failure) {
    return {is_out_of_memory(failure) ? "ERR_OUT_OF_MEMORY" : "ERR_TORCH",
            cause_first(without_backtrace(failure.what_without_backtrace()))};
  } catch (const std::bad_alloc&) {
    return {"ERR_OUT_OF_MEMORY", "not enough memory"};
  } catch (const std::exception& failure) {
    return {"ERR_TORCH", cause_first(without_backtrace(failure.what()))};
  } catch (...) {
    return {"ERR_TORCH", "an unknown C++ exception"};
  }
}

Napi::Error to_javascript(Napi::Env env, const Failure& failure) {
  Environment& environment = Environment::of(env);
  // Making the error runs JavaScript, which may come back here with another one.
  if (environment.error_class.IsEmpty() || environment.is_making_error) {
    Napi::Error error = Napi::Error::New(env, failure.message);
    error.Set("code", failure.code);
    return error;
  }
  environment.is_making_error = true;
  const auto made = c10::make_scope_exit([&] { environment.is_making_error = false; });
  const Napi::Object error =
      environment.error_class.New({Napi::String::New(env, failure.code), Napi::String::New(env, failure.message)});
  return Napi::Error(env, error);
}

}  // namespace continual::binding
