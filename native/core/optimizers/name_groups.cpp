#include "core/optimizers/name_groups.h"

#include "core/error.h"

namespace continual {
namespace {

/// "a.b.c" -> "a.b" -> "a" -> "".
std::string parent_node(const std::string& name) {
  const size_t dot = name.rfind('.');
  return dot == std::string::npos ? "" : name.substr(0, dot);
}

}  // namespace

void NameGroups::add(const std::string& name, size_t group) {
  for (std::string node = name; !node.empty(); node = parent_node(node)) groups_[node].insert(group);
  groups_[""].insert(group);
}

size_t NameGroups::group_for(const std::string& name) const {
  std::string node = name;
  while (!node.empty() && !groups_.count(node)) node = parent_node(node);
  const auto found = groups_.find(node);
  if (found != groups_.end() && found->second.size() == 1) return *found->second.begin();
  std::string among;
  if (found != groups_.end()) {
    for (const size_t group : found->second) among += (among.empty() ? "" : ", ") + std::to_string(group);
  }
  const std::string neighbours = node.empty() ? "the model's other parameters are" : "those of \"" + node + "\" are";
  throw Error("ERR_PARAMETER_GROUP", "optimizer: expected one parameter group for the new parameter \"" + name +
                                         "\", got " +
                                         (among.empty() ? "none: no parameter of the model is in the optimizer"
                                                        : "several: " + neighbours + " in groups " + among) +
                                         "; override makeOptimizer to place it");
}

}  // namespace continual
