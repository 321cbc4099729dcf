// Tests of work that is shared out to libtorch's threads.
#include "core/compute/parallel.h"

#include <mutex>
#include <set>
#include <thread>

#include "test/check.h"

namespace continual::test {
namespace {

void stretches_cover_everything_once_on_several_threads() {
  for (const int team : {1, 2, 3}) {
    const NumThreads threads(team);
    for (const int64_t count : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> visits(count);
      std::mutex mutex;
      std::set<std::thread::id> ids;
      in_parallel(count, /*grain_size=*/1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) ++visits[i];
        const std::lock_guard lock(mutex);
        ids.insert(std::this_thread::get_id());
      });
      for (const auto& visit : visits) EXPECT(visit == 1);
      EXPECT(static_cast<int64_t>(ids.size()) == std::min<int64_t>(count, team));
    }
  }
}

void what_is_not_worth_sharing_stays_on_the_calling_thread() {
  const NumThreads threads(2);
  int calls = 0;
  in_parallel(100, /*grain_size=*/100, [&](int64_t begin, int64_t end) {
    ++calls;
    EXPECT(begin == 0 && end == 100);
  });
  std::atomic<int> inner{0};
  in_parallel(2, 1, [&](int64_t, int64_t) { in_parallel(100, 1, [&](int64_t, int64_t) { ++inner; }); });
  EXPECT(calls == 1 && inner == 2);
}

void an_error_on_any_thread_reaches_the_caller() {
  const NumThreads threads(2);
  for (const int64_t failing : {0, 9}) {
    std::string message;
    try {
      in_parallel(10, 1, [&](int64_t begin, int64_t end) {
        if (begin <= failing && failing < end) throw std::runtime_error("refused");
      });
    } catch (const std::runtime_error& error) {
      message = error.what();
    }
    EXPECT(message == "refused");
  }
}

}  // namespace

void parallel() {
  stretches_cover_everything_once_on_several_threads();
  what_is_not_worth_sharing_stays_on_the_calling_thread();
  an_error_on_any_thread_reaches_the_caller();
}

}  // namespace continual::test
