// What a plain boxed call costs in C++: add of two 4-element tensors through the dispatcher, the way that operators
// called from JavaScript go, without JavaScript. Prints one JSON object: nanoseconds a call.
#include <iostream>

#include "core/operators/dispatcher.h"
#include "core/torch.h"

int main(int argc, char** argv) {
  const int64_t calls = argc > 1 ? std::stoll(argv[1]) : 100000;
  const at::Tensor a = at::tensor({1.F, 2.F, 3.F, 4.F}), b = at::tensor({5.F, 6.F, 7.F, 8.F});
  const auto add = c10::Dispatcher::singleton().findSchemaOrThrow("aten::add", "Tensor");
  const auto run = [&](int64_t count) {
    torch::jit::Stack stack;
    for (int64_t i = 0; i < count; ++i) {
      stack.clear();
      stack.emplace_back(a);
      stack.emplace_back(b);
      stack.emplace_back(1);
      add.callBoxed(stack);
    }
  };
  run(calls / 10);
  const auto start = std::chrono::steady_clock::now();
  run(calls);
  const std::chrono::duration<double, std::nano> elapsed = std::chrono::steady_clock::now() - start;
  std::cout << "{\"nanoseconds\":" << elapsed.count() / static_cast<double>(calls) << "}\n";
}
