#include "core/overrides/overrides.h"

#include <cstdlib>
#include <mutex>

namespace continual {
namespace {

const std::string& wanted() {
  static const std::string value = [] {
    const char* const set = std::getenv("CONTINUAL_TORCH_OVERRIDES");
    return std::string(set == nullptr ? "" : set);
  }();
  return value;
}

Override decide(const std::string& name, const Fitness& fitness) {
  const std::string by_switch = "CONTINUAL_TORCH_OVERRIDES=" + wanted();
  if (wanted() == "off") return {name, false, by_switch};
  if (!fitness.why_impossible.empty()) return {name, false, fitness.why_impossible};
  if (fitness.why_not_worth_it.empty()) return {name, true, "is quicker here"};
  if (wanted() == "on") return {name, true, by_switch + ", although " + fitness.why_not_worth_it};
  return {name, false, fitness.why_not_worth_it};
}

struct Decisions {
  std::mutex mutex;
  std::vector<Override> made;

  static Decisions& of_process() {
    static auto& decisions = *new Decisions();
    return decisions;
  }
};

}  // namespace

bool is_to_go_on(const std::string& name, const Fitness& fitness) {
  Override decision = decide(name, fitness);
  Decisions& decisions = Decisions::of_process();
  const std::lock_guard lock(decisions.mutex);
  decisions.made.push_back(std::move(decision));
  return decisions.made.back().is_on;
}

std::vector<Override> overrides() {
  Decisions& decisions = Decisions::of_process();
  const std::lock_guard lock(decisions.mutex);
  return decisions.made;
}

}  // namespace continual
