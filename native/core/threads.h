// Which threads libtorch's OpenMP may use.
#pragma once

namespace continual {

/// Makes libtorch's operators on the calling thread run on that thread alone. An OpenMP team belongs to the thread that
/// started it: with a second team in the process GNU OpenMP counts more threads than processors, stops spinning at
/// barriers, and a training step on the compute thread takes three times as long (measured with libtorch 2.13 on two
/// cores). So threads that only do small operations must never start one.
void use_only_this_thread();

}  // namespace continual
