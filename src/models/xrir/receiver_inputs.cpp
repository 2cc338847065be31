#include "models/xrir/receiver_inputs.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "mmi/base/errors.h"

namespace mmi::models::xrir {

torch::Tensor resized_depth(const torch::Tensor& depth, std::int64_t height, std::int64_t width) {
  const auto pick = [](std::int64_t from, std::int64_t to) {
    return ((torch::arange(to, torch::kFloat64) + 0.5) * static_cast<double>(from) /
            static_cast<double>(to))
        .floor()
        .to(torch::kLong);
  };
  return depth.index_select(0, pick(depth.size(0), height))
      .index_select(1, pick(depth.size(1), width))
      .contiguous();
}

torch::Tensor relative_places(const TensorDict& inputs, const char* name) {
  const auto places = [&](const char* which) {
    const auto given = inputs.tensor(which).to(torch::kCPU, torch::kFloat64);
    MMI_CHECK(
        ShapeError,
        (given.dim() == 1 || given.dim() == 2) && given.size(-1) == 3 && given.numel() > 0,
        "{} must be (S, 3) or (3), but is {} instead",
        which,
        given.sizes().vec());
    return given.reshape({-1, 3});
  };
  auto found = places(name);
  if (inputs.has("receiver")) {
    const auto receiver = places("receiver");
    MMI_CHECK(
        ShapeError, receiver.size(0) == 1, "receiver must be one place, not {}", receiver.size(0));
    found = found - receiver;
  }
  return found.to(torch::kFloat32);
}

ReceiverSet receiver_set(const TensorDict& inputs, const RirRooms::BuildArgs& args) {
  constexpr std::array<std::string_view, 5> kNames{
      "depth", "receiver", "references", "responses", "sources"};
  for (const auto& [name, value] : inputs) {
    MMI_CHECK(
        DataError,
        std::find(kNames.begin(), kNames.end(), name) != kNames.end(),
        "there is no input \"{}\"; there are depth, sources, references, responses, receiver",
        name);
  }
  const auto depth = inputs.tensor("depth").to(torch::kCPU, torch::kFloat32);
  MMI_CHECK(
      ShapeError,
      depth.dim() == 2 && depth.numel() > 0,
      "depth must be (H, W), but is {} instead",
      depth.sizes().vec());
  const auto sources = relative_places(inputs, "sources");
  const auto references = relative_places(inputs, "references");
  const auto heard = inputs.tensor("responses").to(torch::kCPU, torch::kFloat32);
  const std::int64_t known = references.size(0);
  MMI_CHECK(
      ShapeError,
      heard.dim() == 2 && heard.size(0) == known && heard.size(1) > 0,
      "responses must be ({}, N), one for each of the references, but are {} instead",
      known,
      heard.sizes().vec());
  const std::int64_t all = known + sources.size(0);
  const std::int64_t length = std::min(heard.size(1), args.samples);
  auto responses = torch::zeros({all, args.samples});
  responses.narrow(0, 0, known).narrow(1, 0, length).copy_(heard.narrow(1, 0, length));
  return {
      "room",
      "room/receiver",
      resized_depth(depth, args.height, args.width),
      torch::cat({references, sources}),
      responses,
      torch::arange(all).lt(known)};
}

}  // namespace mmi::models::xrir
