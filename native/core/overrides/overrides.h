// What is done otherwise than libtorch does it, because that is quicker on this machine, and the switch for all of it.
#pragma once

#include <string>
#include <vector>

namespace continual {

/// What an override says of itself on this processor, with this libtorch. Empty texts: it can run, and it is worth it.
struct Fitness {
  std::string why_impossible = {};
  std::string why_not_worth_it = {};
};

/// Whether an override goes on, and why, for people.
struct Override {
  std::string name;
  bool is_on;
  std::string why;
};

/// Decides, and keeps the decision for `overrides`. The environment variable CONTINUAL_TORCH_OVERRIDES, read once, is `on`
/// for whatever can run and `off` for nothing; otherwise what is worth it goes on. To be called once for each override.
bool is_to_go_on(const std::string& name, const Fitness& fitness);

/// All that have been decided so far, in that order.
std::vector<Override> overrides();

}  // namespace continual
