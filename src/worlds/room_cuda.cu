#include "worlds/room_pulses.h"

namespace mmi::worlds::rooms::pulses {
namespace {

constexpr int kThreads = 256;
constexpr int kLanes = 32;
static_assert(kLanes == kTaps, "a warp writes the taps of a pulse together");

// A block adds the images of a pair. Each lane computes one of 32 images; then, image by image, the
// warp writes its 32 taps, a lane a tap, which is one run of memory.
__global__ void add_images(const Pair* pairs, Format format, float* bands) {
  const Pair& pair = pairs[blockIdx.x];
  float* out = bands + blockIdx.x * band_values(format);
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  const std::int64_t count = image_count(pair, format);
  for (std::int64_t from = threadIdx.x - lane; from < count; from += kThreads) {
    const Pulse mine = from + lane < count ? image(pair, format, from + lane) : Pulse();
    for (unsigned heard = __ballot_sync(~0U, mine.first >= 0); heard != 0; heard &= heard - 1) {
      const int owner = __ffs(static_cast<int>(heard)) - 1;
      const long long first = __shfl_sync(~0U, static_cast<long long>(mine.first), owner);
      const int phase = __shfl_sync(~0U, mine.phase, owner);
      const float weight = tap(format, phase, __shfl_sync(~0U, mine.part, owner), lane);
      for (int b = 0; b < kBands; ++b) {
        const float amplitude = __shfl_sync(~0U, mine.amplitude[b], owner);
        atomicAdd(out + (first + lane) * kBands + b, weight * amplitude);
      }
    }
  }
}

}  // namespace

const char* add_cuda(
    const Pair* pairs, std::int64_t count, const Format& format, float* bands, int device) {
  cudaError_t error = cudaSetDevice(device);
  if (error == cudaSuccess && count > 0) {
    add_images<<<static_cast<unsigned>(count), kThreads>>>(pairs, format, bands);
    error = cudaGetLastError();
    if (error == cudaSuccess) {
      error = cudaDeviceSynchronize();
    }
  }
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

}  // namespace mmi::worlds::rooms::pulses
