// Memory of CPU tensors, kept for the next tensor of its size.
//
// libtorch asks malloc for memory aligned to 64 bytes, for which malloc has no cache, and gets what is large from the
// system page by page. Where thousands of small tensors are made and collected that takes longer than what is computed in
// them; where every training iteration makes the same tensors, none need be asked for twice.
#pragma once

#include <cstdint>

namespace continual {

/// From now on blocks of up to 512 bytes are kept, in this process. May be called again. False where the switch (see
/// `overrides.h`) says no: nothing is kept then.
bool keep_small_blocks();

/// While on for any thread that has not ended, larger ones are kept too, whichever thread frees them, up to 1 GiB of them;
/// then they go back to the system. Takes effect once `keep_small_blocks` has been called.
void keep_large_blocks(bool on);

/// Blocks that have been taken from the system so far.
uint64_t blocks_from_system();

}  // namespace continual
