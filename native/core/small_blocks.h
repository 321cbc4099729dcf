// Memory of small CPU tensors.
//
// libtorch asks malloc for memory aligned to 64 bytes, for which malloc has no cache: where thousands of small tensors
// are made and collected, that takes longer than what is computed in them. Blocks of up to 512 bytes are kept for the
// next tensor of their size instead.
#pragma once

namespace continual {

/// From now on, in this process. May be called again.
void keep_small_blocks();

}  // namespace continual
