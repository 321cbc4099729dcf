// What is done otherwise than libtorch does it, because that is quicker on this machine, and the switch for all of it.
//
// Each override has one function `fitness_of_...`, which says on which processor, with which libtorch and which of its
// libraries it can run and is worth it; where not, libtorch goes on as ever. What leaves results as they are may
// measure itself for that. What changes their last digits never does: two runs on one machine give the same bits, so
// that what the machine is decides, and not the clock.
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
