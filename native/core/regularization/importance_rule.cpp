#include "core/regularization/importance_rule.h"

#include "core/error.h"

namespace continual {
namespace {

std::map<std::string, ImportanceRule::Make>& known_rules() {
  static std::map<std::string, ImportanceRule::Make> rules;
  return rules;
}

}  // namespace

ImportanceRule::Known::Known(const std::string& name, Make make) { known_rules().emplace(name, std::move(make)); }

std::unique_ptr<ImportanceRule> ImportanceRule::make(const std::string& name, const Options& options) {
  const auto found = known_rules().find(name);
  if (found == known_rules().end()) {
    std::string names;
    for (const auto& [known, make_it] : known_rules()) names += (names.empty() ? "" : ", ") + known;
    throw Error("ERR_INVALID_ARG_VALUE", "importance: expected a rule among " + names + ", got \"" + name + '"');
  }
  try {
    return found->second(options);
  } catch (const std::out_of_range&) {
    throw Error("ERR_INVALID_ARG_VALUE", "importance: an option of the rule \"" + name + "\" is missing");
  }
}

}  // namespace continual
