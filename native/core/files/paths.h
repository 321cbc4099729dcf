// Paths as JavaScript gives them.
#pragma once

#include <filesystem>
#include <string>

namespace continual {

/// Of UTF-8: the standard library, given a plain string, takes it on Windows for the system's own code page.
inline std::filesystem::path path_of(const std::string& utf8) {
  return std::filesystem::path(std::u8string(utf8.begin(), utf8.end()));
}

}  // namespace continual
