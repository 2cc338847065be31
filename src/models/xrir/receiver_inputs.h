#pragma once

#include <torch/types.h>

#include <cstdint>

#include "mmi/models/xrir/rir_rooms.h"
#include "mmi/tensor/tensor_dict.h"

namespace mmi::models::xrir {

/// (H,W) at the pixels whose centres are nearest, of a map of any size.
torch::Tensor resized_depth(const torch::Tensor& depth, std::int64_t height, std::int64_t width);

/// A tensor of places (S,3), or (3) for one, in metres, relative to "receiver" (3) where `inputs`
/// have one. -> (S,3) float32. ShapeError.
torch::Tensor relative_places(const TensorDict& inputs, const char* name);

/// What a caller knows of a room, as a set whose references come first and are known, while what is
/// asked about follows: "depth" (H,W), "sources" (S,3), "references" (K,3), "responses" (K,N) at
/// 22,050 Hz, cut or padded with silence to `args.samples`; "receiver" (3) where places are not
/// relative to it. DataError for an input that is missing or unknown, ShapeError.
ReceiverSet receiver_set(const TensorDict& inputs, const RirRooms::BuildArgs& args);

}  // namespace mmi::models::xrir
