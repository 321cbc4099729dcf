#include "core/models/model_output.h"

#include <algorithm>

#include "core/error.h"

namespace continual {
namespace {

constexpr size_t kShown = 6;
constexpr int kDeepest = 3;

std::string quoted(const std::string& text) { return '"' + text.substr(0, 100) + '"'; }

std::string key_text(const c10::IValue& key) {
  return key.isString() ? quoted(key.toStringRef()) : key.isInt() ? std::to_string(key.toInt()) : key.tagKind();
}

std::string tensor_text(const at::Tensor& tensor) {
  return "a tensor of " + std::string(c10::getDtypeNames(tensor.scalar_type()).first) + " " + c10::str(tensor.sizes());
}

std::string text_of(const c10::IValue& value, int depth);

/// `begin`, the first of the parts, `end`.
template <typename Part>
std::string listed(const std::string& begin, size_t count, const Part& part, const char* end) {
  std::string text = begin;
  for (size_t i = 0; i < std::min(count, kShown); ++i) text += (i > 0 ? ", " : "") + part(i);
  return text + (count > kShown ? ", ..." : "") + end;
}

std::string dict_text(const c10::Dict<c10::IValue, c10::IValue>& dict, int depth) {
  std::vector<std::string> parts;
  for (const auto& entry : dict) {
    if (parts.size() == kShown) break;
    parts.push_back(key_text(entry.key()) + ": " + text_of(entry.value(), depth + 1));
  }
  return listed(
      "a dict of " + std::to_string(dict.size()) + " {", dict.size(), [&](size_t i) { return parts[i]; }, "}");
}

std::string text_of(const c10::IValue& value, int depth) {
  if (value.isTensor()) return value.toTensor().defined() ? tensor_text(value.toTensor()) : "an undefined tensor";
  if (depth < kDeepest && value.isTuple()) {
    const auto& elements = value.toTupleRef().elements();
    return listed(
        "a tuple of " + std::to_string(elements.size()) + " (", elements.size(),
        [&](size_t i) { return text_of(elements[i], depth + 1); }, ")");
  }
  if (depth < kDeepest && value.isList()) {
    const auto list = value.toListRef();
    return listed(
        "a list of " + std::to_string(list.size()) + " [", list.size(),
        [&](size_t i) { return text_of(list[i], depth + 1); }, "]");
  }
  if (depth < kDeepest && value.isGenericDict()) return dict_text(value.toGenericDict(), depth);
  return value.tagKind();
}

/// How the first tensor in an output is reached.
struct Path {
  std::string python;
  std::string javascript;
};

std::optional<Path> path_to_tensor(const c10::IValue& value, int depth) {
  if (value.isTensor()) return Path{};
  if (depth == kDeepest) return std::nullopt;
  const auto behind = [&](const c10::IValue& item, const std::string& index,
                          const std::string& get) -> std::optional<Path> {
    const auto rest = path_to_tensor(item, depth + 1);
    if (!rest) return std::nullopt;
    return Path{'[' + index + ']' + rest->python, get + rest->javascript};
  };
  const auto first_of = [&](const auto& items) -> std::optional<Path> {
    for (size_t i = 0; i < std::min<size_t>(items.size(), kShown); ++i) {
      const std::string index = std::to_string(i);
      if (auto path = behind(items[i], index, '[' + index + ']')) return path;
    }
    return std::nullopt;
  };
  if (value.isTuple()) return first_of(value.toTupleRef().elements());
  if (value.isList()) return first_of(value.toListRef());
  if (value.isGenericDict()) {
    for (const auto& entry : value.toGenericDict()) {
      const std::string key = key_text(entry.key());
      if (auto path = behind(entry.value(), key, ".get(" + key + ')')) return path;
    }
  }
  return std::nullopt;
}

}  // namespace

void throw_model_output(const c10::IValue& output) {
  std::string message = "forward: expected the model to return one tensor, got " + text_of(output, 0);
  if (const auto path = path_to_tensor(output, 0)) {
    message +=
        ". Say which tensor is trained: in Python with a module around the model, whose forward is `return "
        "self.model(x)" +
        path->python + "`, saved with torch.jit.script(module).save(\"model.pt\"); or here with a class that extends " +
        "nn.Module, whose forward(x) is `return this.model.forward(x)" + path->javascript + "`";
  }
  throw Error("ERR_MODEL_OUTPUT", message);
}

}  // namespace continual
