// Tests of mini-batches: drawn in order, prepared, dropped.
#include <ATen/CPUGeneratorImpl.h>

#include "core/data/minibatches.h"
#include "test/check.h"

namespace continual::test {
namespace {

void a_shuffled_pass_draws_what_pytorchs_loader_draws() {
  auto dataset = std::make_shared<Dataset>();
  dataset->inputs = at::arange(10, at::kLong);
  dataset->targets = at::arange(10, at::kLong);
  dataset->task_labels = at::zeros({}, at::kLong);
  torch::manual_seed(5);
  MiniBatches batches(dataset, {.batch_size = 4, .shuffle = true});
  std::vector<at::Tensor> seen;
  for (MiniBatch batch; batches.next(batch, at::kCPU);) seen.push_back(batch.x.tensors[0]);
  EXPECT(batches.length() == 3 && seen.size() == 3 && seen.back().numel() == 2);

  torch::manual_seed(5);
  at::empty({}, at::kLong).random_();
  const auto seed = at::empty({}, at::kLong).random_().item<int64_t>();
  auto generator = at::make_generator<at::CPUGeneratorImpl>(static_cast<uint64_t>(seed));
  EXPECT(at::equal(at::cat(seen), at::randperm(10, generator, at::kLong)));
}

void a_prepared_mini_batch_is_the_one_that_would_be_drawn() {
  auto dataset = std::make_shared<Dataset>();
  dataset->inputs = at::arange(23 * 3, at::kFloat).view({23, 3});
  dataset->targets = at::arange(23, at::kLong);
  dataset->task_labels = at::arange(23, at::kLong) + 100;
  const std::vector<at::Tensor> groups{at::arange(13, at::kLong), at::arange(13, 18, at::kLong)};
  const std::vector<Sampling> samplings{
      {.batch_size = 4},
      {.batch_size = 4, .shuffle = true},
      {.batch_size = 4, .shuffle = true, .drop_last = true},
      {.batch_size = 5, .shuffle = true, .groups = groups},
      {.batch_size = 5, .shuffle = true, .groups = groups, .oversample = true},
      {.batch_size = 5, .groups = groups, .oversample = true},
  };
  enum class Ahead { kNever, kAtOnce, kMeanwhile };
  struct Drawn {
    std::vector<at::Tensor> tensors;
    at::Tensor generator;
    int prepared = 0;
  };
  // A helper thread is used only where this thread's team leaves it a core.
  const NumThreads one(1);
  for (const Sampling& sampling : samplings) {
    for (const int64_t draws : {0, 2}) {
      dataset->transform.draws = draws;
      const auto pass = [&](Ahead ahead) {
        torch::manual_seed(9);
        MiniBatches batches(dataset, sampling);
        Drawn drawn;
        // Before the first mini-batch there is nothing to prepare.
        batches.prepare();
        batches.prepare_meanwhile();
        EXPECT(!batches.is_prepared());
        for (MiniBatch batch; batches.next(batch, at::kCPU);) {
          for (const at::Tensor& tensor : {batch.x.tensors[0], batch.y, batch.task_id, batch.labels})
            drawn.tensors.push_back(tensor);
          // What is under way is not begun again.
          for (int i = 0; i < 2; ++i) {
            if (ahead == Ahead::kAtOnce) batches.prepare();
            if (ahead == Ahead::kMeanwhile) batches.prepare_meanwhile();
          }
          if (ahead == Ahead::kAtOnce) drawn.prepared += batches.is_prepared();
          drawn.tensors.push_back(at::rand({1}));  // as dropout does in the iteration
        }
        drawn.generator = at::detail::getDefaultCPUGenerator().get_state();
        return drawn;
      };
      const Drawn expected = pass(Ahead::kNever);
      EXPECT(expected.tensors.size() >= 4 * 3);
      EXPECT(expected.prepared == 0);
      for (const Ahead ahead : {Ahead::kAtOnce, Ahead::kMeanwhile}) {
        const Drawn drawn = pass(ahead);
        EXPECT(drawn.tensors.size() == expected.tensors.size());
        EXPECT(ahead == Ahead::kMeanwhile || drawn.prepared > 0);
        for (size_t i = 0; i < std::min(drawn.tensors.size(), expected.tensors.size()); ++i) {
          EXPECT(at::equal(drawn.tensors[i], expected.tensors[i]));
        }
        EXPECT(at::equal(drawn.generator, expected.generator));
      }
    }
  }
}

void a_pass_that_is_dropped_waits_for_what_it_prepares() {
  auto dataset = std::make_shared<Dataset>();
  dataset->inputs = at::zeros({64, 1000});
  dataset->targets = at::zeros({64}, at::kLong);
  dataset->task_labels = at::zeros({}, at::kLong);
  const NumThreads one(1);
  const std::weak_ptr<Dataset> watched = dataset;
  MiniBatch batch;
  {
    MiniBatches batches(std::move(dataset), {.batch_size = 32});
    EXPECT(batches.next(batch, at::kCPU));
    batches.prepare_meanwhile();
  }
  EXPECT(watched.expired());
}

}  // namespace

void minibatches() {
  a_shuffled_pass_draws_what_pytorchs_loader_draws();
  a_prepared_mini_batch_is_the_one_that_would_be_drawn();
  a_pass_that_is_dropped_waits_for_what_it_prepares();
}

}  // namespace continual::test
