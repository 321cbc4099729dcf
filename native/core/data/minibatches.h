// Mini-batches of data in memory, drawn in PyTorch's order.
#pragma once

#include <future>

#include "core/compute/compute_thread.h"
#include "core/data/batch_gatherer.h"

namespace continual {

/// How a pass draws from a dataset.
struct Sampling {
  int64_t batch_size = 1;
  bool shuffle = false;
  bool drop_last = false;
  /// Positions int64 [n] of each group; every mini-batch holds samples of all of them, side by side in this order.
  /// None: the whole dataset is one group.
  std::vector<at::Tensor> groups = {};
  /// Starts a group that is exhausted before the longest one again, instead of going on without it.
  bool oversample = false;
  /// In place of the default one.
  std::optional<at::Generator> generator = {};
};

/// Where a pass stands in each of its groups.
struct PassPosition {
  struct OfGroup {
    at::Tensor order;  // int64 [size], or undefined: 0, 1, ..., or not drawn yet
    int64_t next = 0;
    bool has_ended = false;
  };
  std::vector<OfGroup> groups;
};

/// One pass over a dataset. Random numbers come from libtorch's default CPU generator exactly as PyTorch's DataLoader
/// takes them: one full-range int64 when the loader opens, and with `shuffle` one more whenever a group starts (the
/// longest one first), which seeds a generator of its own for randperm. A generator of the caller's draws the first of
/// these and the permutations themselves; as PyTorch's sampler it draws one more permutation, for nothing, where a
/// group ends.
class MiniBatches {
 public:
  MiniBatches(std::shared_ptr<const Dataset> dataset, Sampling sampling);

  /// Number of mini-batches of the pass: that of the longest group.
  int64_t length() const { return groups_[longest_].length(); }

  /// Puts the next mini-batch into `batch`, on `device`; false at the end.
  bool next(MiniBatch& batch, const at::Device& device);

  /// Gathers the mini-batch that `next` will give, if drawing it takes no random numbers. Does nothing before the
  /// first.
  void prepare();
  /// The same on a thread of the pass's own, where the calling thread's team leaves it a processor core, and for a GPU.
  void prepare_meanwhile();
  /// Whether `next` has nothing left to gather.
  bool is_prepared() const;

  /// Behind the mini-batch that `next` has given last, whatever has been gathered ahead.
  PassPosition position() const;
  /// Goes on behind the mini-batch where `position` was asked for, of a pass over the same samples; before the first
  /// `next`. Throws ERR_STATE_DICT where it does not fit.
  void go_to(const PassPosition& position);

 private:
  struct Group {
    at::Tensor positions;  // in the dataset; undefined: all
    int64_t size;
    int64_t batch_size;
    bool drop_last;
    at::Tensor order;  // int64 [size]: positions in the order of this round; undefined: 0, 1, ...
    int64_t next = 0;
    bool has_ended = false;  // samples have been asked for that are not there
    // The same before the mini-batch that is gathered ahead was drawn; its order is this one.
    int64_t next_before = 0;
    bool had_ended_before = false;

    int64_t length() const { return drop_last ? size / batch_size : (size + batch_size - 1) / batch_size; }
    int64_t remaining() const;
  };
  void start(Group& group) const;
  void end(Group& group) const;
  bool starts_next(const Group& group) const;
  /// The positions of the next mini-batch; nothing at the end.
  std::optional<Positions> draw();
  std::optional<Positions> draw_ahead();
  bool draws_random_numbers() const;

  std::shared_ptr<const Dataset> dataset_;
  bool shuffle_;
  bool oversample_;
  std::optional<at::Generator> generator_;
  std::vector<Group> groups_;
  size_t longest_ = 0;
  std::optional<Gatherer> gatherer_;
  std::future<MiniBatch> ahead_;  // the next mini-batch, where somebody gathers it or has done so
  // Last member: it is joined before the others go.
  std::unique_ptr<ComputeThread> helper_;
};

}  // namespace continual
