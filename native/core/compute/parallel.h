// Work shared out to the threads that libtorch's operators run on.
#pragma once

#include "core/torch.h"

namespace continual {

/// Calls `body(begin, end)` for stretches that make up [0, count), on as many threads as there are stretches of at least
/// `grain_size`, at most those of libtorch's team; on the calling thread alone inside of such a call.
///
/// `at::parallel_for` would do the same where it is compiled against the OpenMP library that libtorch brings: GNU's, Intel's
/// or LLVM's, each with headers and compiler flags of its own. Compiled without, it keeps to one thread. An iterator over
/// tensors is libtorch's own code, with whichever library it has.
void in_parallel(int64_t count, int64_t grain_size, c10::function_ref<void(int64_t begin, int64_t end)> body);

}  // namespace continual
