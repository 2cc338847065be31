#include "mmi/train/distributed.h"

#include <torch/csrc/distributed/c10d/GroupRegistry.hpp>

#include <map>

#include "mmi/base/errors.h"

namespace mmi::train {
namespace {

constexpr std::size_t kBucketBytes = 25U << 20;

/// Consecutive tensors of one dtype and device, as many as fit.
std::vector<std::vector<torch::Tensor>> buckets(const std::vector<torch::Tensor>& tensors) {
  std::vector<std::vector<torch::Tensor>> made;
  std::size_t used = 0;
  for (const torch::Tensor& tensor : tensors) {
    if (made.empty() || used + tensor.nbytes() > kBucketBytes ||
        made.back().front().scalar_type() != tensor.scalar_type() ||
        made.back().front().device() != tensor.device()) {
      made.emplace_back();
      used = 0;
    }
    made.back().push_back(tensor);
    used += tensor.nbytes();
  }
  return made;
}

torch::Tensor flat(const std::vector<torch::Tensor>& tensors) {
  std::vector<torch::Tensor> rows;
  for (const torch::Tensor& tensor : tensors) {
    rows.push_back(tensor.reshape({-1}));
  }
  return torch::cat(rows);
}

void unflatten(const torch::Tensor& values, const std::vector<torch::Tensor>& tensors) {
  std::int64_t at = 0;
  for (torch::Tensor tensor : tensors) {
    tensor.copy_(values.slice(0, at, at + tensor.numel()).view(tensor.sizes()));
    at += tensor.numel();
  }
}

}  // namespace

struct Distributed::Group {
  c10::intrusive_ptr<c10d::ProcessGroup> engine;
  std::function<std::vector<int>()> missing;
};

Distributed::Distributed(
    const std::string& group_name, int rank, int world, std::function<std::vector<int>()> missing)
    : group_(std::make_shared<Group>()), rank_(rank), world_(world) {
  group_->engine = c10d::resolve_process_group(group_name);
  group_->missing = std::move(missing);
}

template <class Call>
void Distributed::run(const Call& call) const {
  try {
    call(*group_->engine)->wait();
  } catch (const std::exception& error) {
    std::string names;
    for (const int rank : group_->missing()) {
      names += (names.empty() ? "" : ", ") + std::to_string(rank);
    }
    const std::string reason = error.what();
    throw Error(
        names.empty()
            ? format(
                  "rank {} cannot reach the others: {}", rank_, reason.substr(0, reason.find('\n')))
            : format(
                  "rank {} is gone, so rank {} stops too; run the same command to continue from "
                  "the "
                  "last checkpoint",
                  names,
                  rank_),
        1);
  }
}

void Distributed::average(const std::vector<torch::Tensor>& tensors) const {
  if (world_ == 1) {
    return;
  }
  const torch::NoGradGuard no_grad;
  for (const auto& bucket : buckets(tensors)) {
    std::vector<torch::Tensor> values = {flat(bucket)};
    run([&](c10d::ProcessGroup& engine) { return engine.allreduce(values); });
    unflatten(values[0].div_(world_), bucket);
  }
}

void Distributed::average_gradients(const std::vector<torch::Tensor>& parameters) const {
  if (world_ == 1 || parameters.empty()) {
    return;
  }
  torch::Tensor has = torch::empty({static_cast<std::int64_t>(parameters.size())});
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    has[static_cast<std::int64_t>(i)] = parameters[i].grad().defined() ? 1 : 0;
  }
  has = has.to(parameters.front().device());
  average({has});
  has = has.to(torch::kCPU);
  std::vector<torch::Tensor> gradients;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (has[static_cast<std::int64_t>(i)].item<float>() == 0) {
      continue;
    }
    torch::Tensor parameter = parameters[i];
    if (!parameter.grad().defined()) {
      parameter.mutable_grad() = torch::zeros_like(parameter);
    }
    gradients.push_back(parameter.grad());
  }
  average(gradients);
}

double Distributed::mean(double value) const {
  if (world_ == 1) {
    return value;
  }
  const torch::Tensor scalar = torch::full({1}, value, torch::kFloat64);
  average({scalar});
  return scalar.item<double>();
}

bool Distributed::any(bool value) const {
  return mean(value ? 1 : 0) > 0;
}

void Distributed::broadcast(const std::vector<torch::Tensor>& tensors) const {
  if (world_ == 1) {
    return;
  }
  const torch::NoGradGuard no_grad;
  for (const auto& bucket : buckets(tensors)) {
    std::vector<torch::Tensor> values = {flat(bucket)};
    run([&](c10d::ProcessGroup& engine) { return engine.broadcast(values); });
    unflatten(values[0], bucket);
  }
}

namespace {

Distributed& group() {
  static Distributed instance;
  return instance;
}

}  // namespace

const Distributed& distributed() {
  return group();
}

void set_distributed(Distributed joined) {
  group() = std::move(joined);
}

}  // namespace mmi::train
