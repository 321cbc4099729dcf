// Which thread libtorch's OpenMP team belongs to, and how many threads it has.
//
// A team belongs to the thread that started it. With a second one in the process GNU OpenMP counts more threads than
// processors and stops spinning at barriers: a training step then takes three times as long (measured with libtorch 2.13 on
// two cores). So one thread at a time may have one.
#pragma once

namespace continual {

/// Makes libtorch's operators on the calling thread run on that thread alone; a team that it has is ended.
void leave_team();

/// Lets libtorch's operators on the calling thread run on so many threads: itself and a team of the others.
void join_team(int threads);

/// Whether the OpenMP library in use can end a team; elsewhere a thread that may not have one must never start it.
bool can_end_team();

/// How many threads libtorch takes where nothing else was said.
int default_threads();

/// Sets that number for threads that libtorch has not looked at yet, its own ones among them, and for the calling one.
/// Throws ERR_INVALID_ARG_VALUE where so many cannot be started.
void set_default_threads(int threads);

/// How many threads run what TorchScript forks.
int interop_threads();

/// Throws ERR_INVALID_ARG_VALUE where so many cannot be started, ERR_CALL_ORDER the second time and once some run.
void set_interop_threads(int threads);

}  // namespace continual
