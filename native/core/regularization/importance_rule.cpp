#include "core/regularization/importance_rule.h"

#include <algorithm>

#include "core/error.h"

namespace continual {
namespace {

struct KnownRule {
  std::vector<std::string> options;
  ImportanceRule::Make make;
  ImportanceRule::Options defaults;
};

std::map<std::string, KnownRule>& known_rules() {
  static std::map<std::string, KnownRule> rules;
  return rules;
}

std::string listed(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

}  // namespace

ImportanceRule::Known::Known(const std::string& name, std::vector<std::string> options, Make make, Options defaults) {
  for (const auto& [option, value] : defaults) options.push_back(option);
  known_rules()[name] = {std::move(options), std::move(make), std::move(defaults)};
}

std::unique_ptr<ImportanceRule> ImportanceRule::make(const std::string& name, const Options& options) {
  const auto found = known_rules().find(name);
  if (found == known_rules().end()) {
    std::vector<std::string> names;
    for (const auto& [known, rule] : known_rules()) names.push_back(known);
    throw Error("ERR_INVALID_ARG_VALUE",
                "importance: expected a rule among " + listed(names) + ", got \"" + name + '"');
  }
  const auto& [known, make_it, defaults] = found->second;
  const auto of_the_rule = " of the rule \"" + name + '"';
  for (const auto& [option, value] : options) {
    if (std::find(known.begin(), known.end(), option) != known.end()) continue;
    throw Error("ERR_UNKNOWN_OPTION",
                "importance: expected options among " + listed(known) + of_the_rule + ", got \"" + option + '"');
  }
  Options complete = options;
  complete.insert(defaults.begin(), defaults.end());
  for (const std::string& option : known) {
    if (complete.count(option)) continue;
    throw Error("ERR_INVALID_ARG_VALUE",
                "importance: expected the option \"" + option + '"' + of_the_rule + ", got none");
  }
  return make_it(complete);
}

namespace {

template <typename T>
const T& of_kind(const ImportanceRule::Options& options, const std::string& name, const char* kind) {
  const T* value = std::get_if<T>(&options.at(name));
  if (value) return *value;
  throw Error("ERR_INVALID_ARG_TYPE", "importance: expected " + name + " to be " + kind);
}

}  // namespace

double ImportanceRule::number(const Options& options, const std::string& name) {
  return of_kind<double>(options, name, "a number");
}

std::vector<int64_t> ImportanceRule::indices(const Options& options, const std::string& name) {
  return of_kind<std::vector<int64_t>>(options, name, "an array of indices");
}

size_t ImportanceRule::choice(const Options& options, const std::string& name,
                              const std::vector<std::string>& values) {
  const std::string& value = of_kind<std::string>(options, name, "a string");
  const auto found = std::find(values.begin(), values.end(), value);
  if (found != values.end()) return found - values.begin();
  throw Error("ERR_INVALID_ARG_VALUE",
              "importance: expected " + name + " among " + listed(values) + ", got \"" + value + '"');
}

}  // namespace continual
