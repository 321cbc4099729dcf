#include "core/models/script_errors.h"

#include <regex>

namespace continual {

std::string cause_first(const std::string& message) {
  const size_t begin = message.find("Traceback of TorchScript");
  const size_t last_line = message.rfind("<--- HERE");
  if (begin == std::string::npos || last_line == std::string::npos) return message;
  // A line such as `RuntimeError: mat1 and mat2 shapes cannot be multiplied`; source lines may come before it.
  std::smatch match;
  const std::regex line("\n(?:builtins\\.)?([A-Za-z_][A-Za-z0-9_.]*): ");
  const auto from = message.begin() + static_cast<std::ptrdiff_t>(last_line);
  if (!std::regex_search(from, message.end(), match, line)) return message;
  std::string cause(match[0].second, message.end());
  while (!cause.empty() && cause.back() == '\n') cause.pop_back();
  if (match[1] != "RuntimeError") cause = match[1].str() + ": " + cause;
  const size_t original = message.find("Traceback of TorchScript, original code", begin);
  std::string trace(message.begin() + static_cast<std::ptrdiff_t>(original == std::string::npos ? begin : original),
                    match[0].first);
  return cause + "\n" + trace;
}

}  // namespace continual
