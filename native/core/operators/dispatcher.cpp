#include "core/operators/dispatcher.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>

namespace continual {

const std::vector<c10::OperatorHandle>& overloads_of(const std::string& name) {
  // A cache of what libtorch has registered, shared by all threads; entries are never removed.
  static std::mutex mutex;
  static std::unordered_map<std::string, std::vector<c10::OperatorHandle>> cache;
  std::lock_guard lock(mutex);
  const auto found = cache.find(name);
  if (found != cache.end()) return found->second;
  std::vector<c10::OperatorHandle> handles;
  for (const auto& op : torch::jit::getAllOperatorsFor(c10::Symbol::fromQualString(name))) {
    if (auto handle = c10::Dispatcher::singleton().findSchema(op->schema().operator_name())) {
      handles.push_back(*handle);
    }
  }
  return cache.emplace(name, std::move(handles)).first->second;
}

bool writes_to_out(const c10::FunctionSchema& schema) {
  const auto& arguments = schema.arguments();
  return std::any_of(arguments.begin(), arguments.end(), [](const c10::Argument& a) { return a.is_out(); });
}

}  // namespace continual
