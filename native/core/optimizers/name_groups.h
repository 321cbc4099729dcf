// To which group of parameters a new one belongs, by its name.
#pragma once

#include <map>
#include <set>
#include <string>

namespace continual {

/// The tree that parameter names make, split at their dots. A node stands for the groups of the parameters below it; a
/// name without any takes after the closest node above it that has some.
class NameGroups {
 public:
  void add(const std::string& name, size_t group);

  /// The one group for a new name. Throws ERR_PARAMETER_GROUP where there are several, or none.
  size_t group_for(const std::string& name) const;

 private:
  std::map<std::string, std::set<size_t>> groups_;  // of each node, by its name; "" is the root
};

}  // namespace continual
