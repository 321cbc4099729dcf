// Random permutations equal to NumPy's for the same seed.
#pragma once

#include <cstdint>
#include <vector>

namespace continual {

/// The first `count` results of numpy.random.RandomState(seed).permutation(n) called again and again. NumPy's legacy
/// generator is MT19937 seeded by one 32-bit number; its shuffle draws by masking and rejection.
std::vector<std::vector<int64_t>> numpy_permutations(uint32_t seed, int64_t n, int64_t count);

}  // namespace continual
