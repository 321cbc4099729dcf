// What TorchScript reports when a forward fails, put in the order in which people read it.
#pragma once

#include <string>

namespace continual {

/// The cause first, and behind it the lines of Python that led there. TorchScript puts them the other way round, and in
/// front of the lines that were written those that stand in the file. Other messages stay as they are.
std::string cause_first(const std::string& message);

}  // namespace continual
