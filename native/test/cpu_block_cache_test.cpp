// Tests of the memory that tensors get: apart, kept, given back, and none from the system in a steady iteration.
#include <c10/core/CPUAllocator.h>

#if defined(__linux__)
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#include <fstream>
#include <thread>

#include "core/memory/poison.h"
#include "core/optimizers/sgd.h"
#include "core/overrides/cpu_block_cache.h"
#include "core/training/training_step.h"
#include "test/check.h"
#include "test/mas.h"

namespace continual::test {
namespace {

/// Bytes that tell their block and their place in it.
void fill(const at::DataPtr& block, size_t bytes, size_t salt) {
  for (size_t i = 0; i < bytes; ++i) static_cast<uint8_t*>(block.get())[i] = static_cast<uint8_t>(i * 7 + salt * 31);
}

bool is_filled(const at::DataPtr& block, size_t bytes, size_t salt) {
  for (size_t i = 0; i < bytes; ++i) {
    if (static_cast<const uint8_t*>(block.get())[i] != static_cast<uint8_t>(i * 7 + salt * 31)) return false;
  }
  return true;
}

void kept_blocks_are_aligned_and_apart() {
  if (!keep_small_blocks()) return;
  keep_large_blocks(true);
  c10::Allocator& allocator = *c10::GetCPUAllocator();
  const std::vector<size_t> sizes{0,   1,   63,  64,  65,   128,  129,  511,  512,   513,   639,
                                  640, 641, 768, 769, 1023, 1024, 1025, 4096, 65537, 200000};
  const auto is_aligned = [](const at::DataPtr& block) { return reinterpret_cast<uintptr_t>(block.get()) % 64 == 0; };
  // The second round gets the blocks of the first one, which another thread has freed, in another order.
  for (int round = 0; round < 3; ++round) {
    std::vector<std::pair<size_t, at::DataPtr>> blocks;
    for (int copy = 0; copy < 3; ++copy) {
      for (const size_t bytes : sizes) blocks.emplace_back(bytes, allocator.allocate(bytes));
    }
    for (size_t i = 0; i < blocks.size(); ++i) {
      EXPECT(blocks[i].second.get() != nullptr && is_aligned(blocks[i].second));
      fill(blocks[i].second, blocks[i].first, i);
    }
    for (size_t i = 0; i < blocks.size(); ++i) EXPECT(is_filled(blocks[i].second, blocks[i].first, i));
    // Every other one goes; those that come in their place leave the rest alone.
    for (size_t i = 0; i < blocks.size(); i += 2) blocks[i].second.clear();
    for (size_t i = 0; i < blocks.size(); i += 2) {
      blocks[i].second = allocator.allocate(blocks[i].first);
      fill(blocks[i].second, blocks[i].first, i + 1);
    }
    for (size_t i = 0; i < blocks.size(); ++i) {
      EXPECT(is_filled(blocks[i].second, blocks[i].first, i % 2 == 0 ? i + 1 : i));
    }
    if (round == 0) std::thread([&] { blocks.clear(); }).join();
  }
  // Not touched, so that they cost no memory.
  const size_t largest = size_t{128} << 20;
  for (const size_t bytes : {largest - 1, largest, largest + 1}) EXPECT(is_aligned(allocator.allocate(bytes)));
  for (const size_t absurd : {size_t{1} << 62, static_cast<size_t>(std::numeric_limits<int64_t>::max())}) {
    EXPECT(is_refused([&] { allocator.allocate(absurd); }));
  }
  keep_large_blocks(false);
}

void kept_blocks_come_back_from_every_thread_and_go_when_nobody_keeps_them() {
  if (!keep_small_blocks()) return;
  c10::Allocator& allocator = *c10::GetCPUAllocator();
  const auto taken = [&](size_t bytes) {
    const uint64_t before = blocks_from_system();
    allocator.allocate(bytes);
    return blocks_from_system() - before;
  };
  taken(100);
  EXPECT(taken(100) == 0 && taken(65) == 0 && taken(128) == 0);

  EXPECT(taken(100'000) == 1);
  EXPECT(taken(100'000) == 1);  // nobody keeps large ones
  keep_large_blocks(true);
  keep_large_blocks(true);  // says the same
  at::DataPtr block = allocator.allocate(100'000);
  std::thread([&] { block.clear(); }).join();
  EXPECT(taken(100'000) == 0);
  std::thread([] {
    keep_large_blocks(true);
    keep_large_blocks(false);
  }).join();
  EXPECT(taken(100'000) == 0);
  keep_large_blocks(false);
  EXPECT(taken(100'000) == 1);
  EXPECT(taken(100'000) == 1);
}

void an_iteration_like_the_one_before_takes_no_memory_from_the_system() {
  if (!keep_small_blocks()) return;
  keep_large_blocks(true);
  torch::manual_seed(6);
  // No helper thread, whose small blocks are freed on this one.
  const NumThreads all(static_cast<int>(std::max(std::thread::hardware_concurrency(), 1u)));
  auto dataset = std::make_shared<Dataset>();
  const int64_t batch_size = 32, batches = 64;
  dataset->inputs = at::randn({batch_size * batches, 20});
  dataset->targets = at::randint(5, {batch_size * batches}, at::kLong);
  dataset->task_labels = at::zeros({}, at::kLong);
  auto model = std::make_shared<Model>(compose("Model", {.children = {{"first", linear(20, 100)}, {"second", linear(100, 5)}}},
                                               "def forward(self, input: Tensor) -> Tensor:\n"
                                               "  return self.second.forward(torch.relu(self.first.forward(input)))\n"));
  auto optimizer = std::make_shared<Optimizer>(std::vector<ParameterGroup>{
      {.parameters = model->named_parameters(), .rule = std::make_shared<Sgd>(SgdOptions{.lr = 0.01, .momentum = 0.9})}});
  TrainingStep step(model, optimizer, CrossEntropy{}, at::kCPU);
  step.lay_out();
  const test::Mas mas(/*lambda=*/1, /*alpha=*/0.5);
  const auto open = [&] {
    step.open();
    step.load(std::make_shared<MiniBatches>(dataset, Sampling{.batch_size = batch_size, .shuffle = true}));
  };
  const std::atomic<bool> stopping{true};  // after one iteration
  const auto iterate = [&](int count, const auto& iteration) {
    for (int i = 0; i < count; ++i) {
      const TrainingStep::Progress progress = iteration();
      if (progress.error) std::rethrow_exception(progress.error);
      EXPECT(progress.iterations == 1 && !progress.exhausted);
    }
  };
  const auto takes_nothing = [&](const auto& iteration) {
    iterate(10, iteration);
    const uint64_t before = blocks_from_system();
    iterate(20, iteration);
    return blocks_from_system() == before;
  };

  open();
  run_once(step, mas, test::Mas::Stage::kBegin);
  EXPECT(takes_nothing([&] { return step.run(mas.mini_batch(), /*grad_enabled=*/true, 1000, {}, stopping); }));
  run_once(step, mas, test::Mas::Stage::kReplace);
  step.close();

  const std::vector<PlannedPhase> plan{{Phase::kFetch, {}},     {Phase::kZeroGrad, {}}, {Phase::kForward, {}},
                                       {Phase::kCriterion, {}}, {Phase::kPlugin, mas.penalty}, {Phase::kBackward, {}},
                                       {Phase::kUpdate, {}},    {Phase::kMeasure, {}}};
  for (const int64_t at_most : {1, 2}) {
    open();
    EXPECT(takes_nothing([&] { return step.run(plan, /*grad_enabled=*/true, at_most, {}, stopping); }));
    step.close();
  }
  keep_large_blocks(false);
}

void blocks_are_kept_while_a_thread_that_wants_them_lives() {
  if (!keep_small_blocks()) return;
  constexpr int64_t kLarge = 1 << 16;
  const auto asks_system = [] {
    const uint64_t before = blocks_from_system();
    at::empty({kLarge}, at::kByte);
    return blocks_from_system() > before;
  };
  std::thread([] { keep_large_blocks(true); }).join();  // ends without a word
  asks_system();
  EXPECT(asks_system());
  keep_large_blocks(true);
  asks_system();
  EXPECT(!asks_system());
  keep_large_blocks(false);
  EXPECT(asks_system());
}

// AddressSanitizer holds back for a while what the system gets elsewhere.
#if defined(__linux__) && !defined(CONTINUAL_ADDRESS_SANITIZER)
#define CONTINUAL_LIMITS_MEMORY
int64_t address_space() {
  int64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * sysconf(_SC_PAGESIZE);
}

void what_is_kept_goes_where_the_system_has_no_more() {
  if (!keep_small_blocks()) return;
  c10::Allocator& allocator = *c10::GetCPUAllocator();
  constexpr int64_t kMebibyte = int64_t{1} << 20;
  rlimit unlimited{};
  getrlimit(RLIMIT_AS, &unlimited);
  const auto room_for = [&](int64_t bytes) {
    const rlimit limit{.rlim_cur = static_cast<rlim_t>(address_space() + bytes), .rlim_max = unlimited.rlim_max};
    setrlimit(RLIMIT_AS, &limit);
  };
  room_for(64 * kMebibyte);
  rlimit held{};
  getrlimit(RLIMIT_AS, &held);
  setrlimit(RLIMIT_AS, &unlimited);
  if (held.rlim_cur == unlimited.rlim_cur) {
    std::printf("core: memory that runs out: not checked, this system holds no limit of it (an emulator's)\n");
    return;
  }
  keep_large_blocks(true);
  allocator.allocate(100 * kMebibyte);
  room_for(64 * kMebibyte);
  const auto larger = [&] { allocator.allocate(140 * kMebibyte); };
  EXPECT(!is_refused(larger));
  // Nothing is kept any more that could go.
  room_for(64 * kMebibyte);
  EXPECT(is_refused(larger));
  setrlimit(RLIMIT_AS, &unlimited);
  keep_large_blocks(false);
}
#endif

#ifdef CONTINUAL_ADDRESS_SANITIZER
/// What AddressSanitizer reports while `misdeed` is done in a process of its own; "" for nothing.
template <typename Misdeed>
std::string report_of(const Misdeed& misdeed) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    misdeed();
    _exit(0);
  }
  close(ends[1]);
  std::string report;
  char chunk[4096];
  for (ssize_t count; (count = read(ends[0], chunk, sizeof(chunk))) > 0;)
    report.append(chunk, static_cast<size_t>(count));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return status == 0 ? "" : report;
}

void a_sanitizer_finds_what_is_done_to_kept_blocks() {
  EXPECT(keep_small_blocks());
  c10::Allocator& allocator = *c10::GetCPUAllocator();
  keep_large_blocks(true);
  for (const size_t bytes : {size_t{1}, size_t{100}, size_t{512}, size_t{5000}, size_t{100'000}, size_t{200} << 20}) {
    const auto found = [&](const auto& misdeed) {
      return report_of([&] {
               at::DataPtr block = allocator.allocate(bytes);
               auto* data = static_cast<volatile char*>(block.get());
               data[0] = 1;
               data[bytes - 1] = 1;
               misdeed(std::move(block), data);
             }).find("AddressSanitizer") != std::string::npos;
    };
    EXPECT(!found([](at::DataPtr, volatile char*) {}));
    EXPECT(found([](at::DataPtr block, volatile char* data) {
      block.clear();
      data[0] = 2;
    }));
    EXPECT(found([&](at::DataPtr block, volatile char* data) {
      block.clear();
      static_cast<void>(data[bytes - 1]);
    }));
    EXPECT(found([&](at::DataPtr block, volatile char* data) {
      data[bytes] = 2;
      block.clear();
    }));
    EXPECT(found([](at::DataPtr block, volatile char* data) {
      data[-1] = 2;
      block.clear();
    }));
    EXPECT(found([&](at::DataPtr block, volatile char*) {
      const at::DeleterFnPtr free = allocator.raw_deleter();
      void* data = block.release_context();
      free(data);
      free(data);
    }));
    if (bytes < 100 || bytes > 100'000) continue;
    EXPECT(found([&](at::DataPtr block, volatile char* data) {
      block.clear();
      const at::DataPtr shorter = allocator.allocate(bytes - 8);  // in the same place
      if (shorter.get() != data) _exit(0);
      data[bytes - 1] = 2;
    }));
  }
  keep_large_blocks(false);
}
#endif

}  // namespace

void kept_blocks() {
#ifdef CONTINUAL_ADDRESS_SANITIZER
  a_sanitizer_finds_what_is_done_to_kept_blocks();
#endif
  kept_blocks_are_aligned_and_apart();
  kept_blocks_come_back_from_every_thread_and_go_when_nobody_keeps_them();
  an_iteration_like_the_one_before_takes_no_memory_from_the_system();
  blocks_are_kept_while_a_thread_that_wants_them_lives();
#ifdef CONTINUAL_LIMITS_MEMORY
  what_is_kept_goes_where_the_system_has_no_more();
#endif
}

}  // namespace continual::test
