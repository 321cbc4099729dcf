// Which thread libtorch's OpenMP team belongs to.
//
// A team belongs to the thread that started it. With a second one in the process GNU OpenMP counts more threads than
// processors and stops spinning at barriers: a training step then takes three times as long (measured with libtorch 2.13 on
// two cores). So one thread at a time may have one.
#pragma once

namespace continual {

/// Makes libtorch's operators on the calling thread run on that thread alone; a team that it has is ended.
void leave_team();

/// Lets libtorch's operators on the calling thread start a team again.
void join_team();

/// Whether the OpenMP library in use can end a team; elsewhere a thread that may not have one must never start it.
bool can_end_team();

}  // namespace continual
