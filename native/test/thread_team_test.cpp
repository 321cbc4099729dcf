// Tests of which thread has libtorch's team, and of what is sent to it.
#include "core/compute/thread_team.h"

#include <mutex>
#include <set>
#include <thread>

#include "core/compute/parallel.h"
#include "core/compute/threads.h"
#include "core/compute/work_size.h"
#include "core/error.h"
#include "test/check.h"

namespace continual::test {
namespace {

constexpr bool kLarge = true;
constexpr bool kSmall = false;

/// On how many threads libtorch's operators run when this thread calls them.
size_t threads_here() {
  std::mutex mutex;
  std::set<std::thread::id> ids;
  in_parallel(8, /*grain_size=*/1, [&](int64_t, int64_t) {
    const std::lock_guard lock(mutex);
    ids.insert(std::this_thread::get_id());
  });
  return ids.size();
}

size_t threads_there(ThreadTeam& team) {
  size_t count = 0;
  team.run_there([&] { count = threads_here(); });
  return count;
}

/// How many large calls run here before one is sent, or are sent before one runs here; at most 1000.
int calls_until(ThreadTeam& team, bool sent) {
  for (int calls = 0; calls < 1000; ++calls) {
    if (team.sends(kLarge) == sent) return calls;
  }
  return 1000;
}

void job(ThreadTeam& team) {
  team.job_begins();
  team.job_ends();
}

void the_first_has_the_team_here_until_a_job_takes_it_and_long_after_the_last_again() {
  ThreadTeam team;
  team.set_threads(2);
  const bool may_move = can_end_team();
  EXPECT(team.threads() == 2);
  if (may_move) {
    EXPECT(calls_until(team, /*sent=*/true) == 1000);
    EXPECT(threads_here() == 2 && threads_there(team) == 1);
  }
  team.job_begins();
  EXPECT(team.jobs_under_way() == 1);
  EXPECT(!team.sends(kLarge));  // the job has the compute thread
  team.job_ends();
  EXPECT(threads_here() == 1 && threads_there(team) == 2);
  for (int calls = 0; calls < 1000; ++calls) EXPECT(!team.sends(kSmall));
  EXPECT(team.sends(kLarge));
  if (may_move) {
    const int until_back = 1 + calls_until(team, /*sent=*/false);
    EXPECT(until_back > 10 && until_back < 1000);
    EXPECT(threads_here() == 2 && threads_there(team) == 1);
    EXPECT(calls_until(team, /*sent=*/true) == 1000);
    // Every job begins the count anew.
    job(team);
    for (int calls = 0; calls < until_back - 1; ++calls) EXPECT(team.sends(kLarge));
    job(team);
    EXPECT(calls_until(team, /*sent=*/false) == until_back);
  }
  job(team);
  team.set_threads(3);
  EXPECT(team.threads() == 3 && threads_here() == 1 && threads_there(team) == 3);
}

void all_others_leave_the_team_to_their_compute_thread() {
  ThreadTeam team;
  team.set_threads(2);
  EXPECT(calls_until(team, /*sent=*/false) == 1000);
  EXPECT(threads_here() == 1 && threads_there(team) == 2);
}

void a_backward_pass_is_as_large_as_what_was_called_before_it() {
  ThreadTeam team;
  EXPECT(!team.sends_backward());
  team.sends(kLarge);
  team.sends(kSmall);
  EXPECT(team.sends_backward());
  EXPECT(!team.sends_backward());
}

void work_there_is_as_if_here() {
  ThreadTeam team;
  const auto here = std::this_thread::get_id();
  const at::NoGradGuard no_grad;
  team.run_there([&] { EXPECT(std::this_thread::get_id() != here && !at::GradMode::is_enabled()); });
  std::string message;
  try {
    team.run_there([] { throw std::runtime_error("refused"); });
  } catch (const std::runtime_error& error) {
    message = error.what();
  }
  EXPECT(message == "refused");
}

void once_stopped_it_sends_nothing() {
  ThreadTeam team;
  team.stop();
  EXPECT(!team.sends(kLarge));
  std::string code;
  try {
    team.compute_thread();
  } catch (const Error& error) {
    code = error.code();
  }
  EXPECT(code == "ERR_ENDED");
}

void calls_are_large_by_their_elements_and_products_by_their_multiplications() {
  const at::Tensor few = at::zeros({200, 200}), many = at::zeros({1024, 1024}), none;
  const auto is_large = [](const char* name, torch::jit::Stack arguments) {
    return is_large_call(multiplies(name), std::vector<bool>(arguments.size(), true), arguments);
  };
  EXPECT(!is_large("aten::add", {few, few}) && is_large("aten::add", {few, many}) && is_large("aten::exp", {many}));
  EXPECT(!is_large("aten::mm", {few, few}) && is_large("aten::mm", {at::zeros({210, 200}), few}));
  EXPECT(!is_large("aten::linear", {at::zeros({1, 200}), few, none}));
  EXPECT(is_large("aten::linalg_inv", {at::zeros({210, 210})}) && !is_large("aten::relu", {at::zeros({210, 210})}));
  EXPECT(is_large_call(false, {false}, {c10::List<at::Tensor>({few, many})}));
  EXPECT(!is_large_call(true, {false}, {c10::IValue(7)}));

  EXPECT(!is_large_forward({at::zeros({40, 100})}) && is_large_forward({at::zeros({41, 100})}));
  EXPECT(is_large_forward({at::zeros({2048}), c10::IValue(3), at::zeros({2048})}));
  EXPECT(is_light_pass(16384) && !is_light_pass(16385));
}

}  // namespace

void thread_team() {
  calls_are_large_by_their_elements_and_products_by_their_multiplications();
  // On a thread of its own, which keeps the team that other tests have.
  const NumThreads as_before(at::get_num_threads());
  std::thread([] {
    the_first_has_the_team_here_until_a_job_takes_it_and_long_after_the_last_again();
    all_others_leave_the_team_to_their_compute_thread();
    a_backward_pass_is_as_large_as_what_was_called_before_it();
    work_there_is_as_if_here();
    once_stopped_it_sends_nothing();
  }).join();
}

}  // namespace continual::test
