#include "core/random.h"

#include <numeric>
#include <random>
#include <utility>

namespace continual {
namespace {

/// Uniform in [0, max], as NumPy's legacy `random_interval` draws it.
uint32_t random_interval(std::mt19937& generator, uint32_t max) {
  uint32_t mask = max;
  for (const int shift : {1, 2, 4, 8, 16}) mask |= mask >> shift;
  uint32_t value = 0;
  do {
    value = static_cast<uint32_t>(generator()) & mask;
  } while (value > max);
  return value;
}

}  // namespace

std::vector<std::vector<int64_t>> numpy_permutations(uint32_t seed, int64_t n, int64_t count) {
  std::mt19937 generator(seed);
  std::vector<std::vector<int64_t>> result(count, std::vector<int64_t>(n));
  for (auto& permutation : result) {
    std::iota(permutation.begin(), permutation.end(), int64_t{0});
    for (int64_t i = n - 1; i > 0; --i) {
      std::swap(permutation[i], permutation[random_interval(generator, static_cast<uint32_t>(i))]);
    }
  }
  return result;
}

}  // namespace continual
