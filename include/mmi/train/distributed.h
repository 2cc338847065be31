#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mmi/base/api.h"

namespace mmi::train {

/// One process of a training that several share (torchrun). torch.distributed is the engine: Python
/// begins the process group, and this finds it by name. Every process takes its own batches;
/// averaged gradients keep their weights equal. A default-constructed one is a training of one
/// process, whose functions do nothing.
class MMI_API Distributed {
 public:
  Distributed() = default;

  /// `missing`: ranks that do not answer, asked when a collective operation failed.
  Distributed(
      const std::string& group_name,
      int rank,
      int world,
      std::function<std::vector<int>()> missing);

  int rank() const {
    return rank_;
  }

  int world() const {
    return world_;
  }

  /// Rank 0 writes: checkpoints, logs, reports, progress.
  bool is_writer() const {
    return rank_ == 0;
  }

  /// The mean over all ranks, in place: one flat bucket per dtype, at most 25 MiB each.
  void average(const std::vector<torch::Tensor>& tensors) const;

  /// Averages the gradients of `parameters`. One that no rank has a gradient for keeps none.
  void average_gradients(const std::vector<torch::Tensor>& parameters) const;

  double mean(double value) const;
  bool any(bool value) const;

  /// Rank 0's values everywhere, in place.
  void broadcast(const std::vector<torch::Tensor>& tensors) const;

 private:
  struct Group;

  template <class Call>
  void run(const Call& call) const;

  std::shared_ptr<Group> group_;
  int rank_ = 0;
  int world_ = 1;
};

/// The group that this process belongs to, as set by `python -m mmi` under torchrun.
MMI_API const Distributed& distributed();
MMI_API void set_distributed(Distributed group);

}  // namespace mmi::train
