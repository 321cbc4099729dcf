// The one exception type of the core: a message for people and a stable code for programs.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace continual {

class Error : public std::runtime_error {
 public:
  Error(std::string code, const std::string& message) : std::runtime_error(message), code_(std::move(code)) {}

  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

/// The CPU's allocator has no exception class of its own.
template <typename TorchError>
bool is_out_of_memory(const TorchError& error) {
  return std::string(error.what_without_backtrace()).find("can't allocate memory") != std::string::npos;
}

}  // namespace continual
