#include "binding/functions/operator_schemas.h"

#include "binding/util/errors.h"
#include "core/operators/dispatcher.h"

namespace continual::binding {
namespace {

Napi::Object describe_argument(Napi::Env env, const c10::Argument& argument) {
  Napi::Object described = Napi::Object::New(env);
  described.Set("name", argument.name());
  described.Set("type", argument.real_type()->str());
  described.Set("length", argument.N() ? Napi::Number::New(env, *argument.N()) : env.Null());
  described.Set("hasDefault", argument.default_value().has_value());
  described.Set("isKeyword", argument.kwarg_only());
  return described;
}

Napi::Object describe_schema(Napi::Env env, const c10::FunctionSchema& schema) {
  Napi::Object described = Napi::Object::New(env);
  Napi::Array arguments = Napi::Array::New(env);
  for (const c10::Argument& argument : schema.arguments()) {
    arguments.Set(arguments.Length(), describe_argument(env, argument));
  }
  Napi::Array returns = Napi::Array::New(env);
  for (const c10::Argument& returned : schema.returns()) returns.Set(returns.Length(), returned.type()->str());
  described.Set("name", schema.name());
  described.Set("overload", schema.overload_name());
  described.Set("schema", c10::str(schema));
  described.Set("arguments", arguments);
  described.Set("returns", returns);
  return described;
}

/// Native: operatorSchemas() -> OperatorSchema[]: every operator of ATen that the dispatcher knows, out-variants left
/// out, sorted by name and overload.
Napi::Value operator_schemas(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    std::vector<c10::OperatorName> names = c10::Dispatcher::singleton().getAllOpNames();
    std::sort(names.begin(), names.end(), [](const auto& a, const auto& b) {
      return std::tie(a.name, a.overload_name) < std::tie(b.name, b.overload_name);
    });
    Napi::Array result = Napi::Array::New(env);
    for (const c10::OperatorName& name : names) {
      const auto handle = c10::Dispatcher::singleton().findSchema(name);
      if (!handle || name.name.rfind("aten::", 0) != 0 || writes_to_out(handle->schema())) continue;
      const Napi::HandleScope scope(env);
      result.Set(result.Length(), describe_schema(env, handle->schema()));
    }
    return result;
  });
}

}  // namespace

void define_operator_schemas(Napi::Env env, Napi::Object exports) {
  exports.Set("operatorSchemas", Napi::Function::New(env, operator_schemas, "operatorSchemas"));
}

}  // namespace continual::binding
