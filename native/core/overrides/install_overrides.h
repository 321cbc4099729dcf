// The one door to all that changes libtorch for a whole process.
#pragma once

namespace continual {

/// Puts in place what is to go on (see `overrides.h`), and the generators that threads have of their own. Has an effect once
/// in a process; to be called before a second thread calls operators.
void install_overrides();

}  // namespace continual
