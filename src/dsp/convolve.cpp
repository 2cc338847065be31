#include "mmi/dsp/convolve.h"

#include <torch/fft.h>

#include <algorithm>
#include <bit>
#include <vector>

#include "mmi/base/errors.h"

namespace mmi::dsp {
namespace {

constexpr std::int64_t kLeastBlock = 1 << 14;  // of a transform, when the signal is that long

std::int64_t power_of_two(std::int64_t at_least) {
  return static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(at_least)));
}

void check(const torch::Tensor& x, const char* what) {
  MMI_CHECK(
      ShapeError,
      x.dim() >= 1 && x.numel() > 0 && x.is_floating_point(),
      "convolve needs a floating-point {} (..., N) that is not empty, but its shape is {}",
      what,
      x.sizes().vec());
}

}  // namespace

torch::Tensor convolve(const torch::Tensor& signal, const torch::Tensor& response) {
  check(signal, "signal");
  check(response, "response");
  const std::int64_t samples = signal.size(-1);
  const std::int64_t taps = response.size(-1);
  const std::int64_t whole = samples + taps - 1;
  const std::int64_t n =
      std::min(power_of_two(whole), std::max(kLeastBlock, power_of_two(4 * taps)));
  const auto spectrum = torch::fft::rfft(response, n);
  const std::int64_t block = n - taps + 1;
  const auto piece = [&](std::int64_t from) {
    const auto part = signal.narrow(-1, from, std::min(block, samples - from));
    return torch::fft::irfft(torch::fft::rfft(part, n) * spectrum, n)
        .narrow(-1, 0, part.size(-1) + taps - 1);
  };
  if (samples <= block) {
    return piece(0);
  }
  torch::Tensor sum;
  for (std::int64_t from = 0; from < samples; from += block) {
    const auto made = piece(from);
    if (!sum.defined()) {
      auto sizes = made.sizes().vec();
      sizes.back() = whole;
      sum = torch::zeros(sizes, made.options());
    }
    sum.narrow(-1, from, made.size(-1)).add_(made);
  }
  return sum;
}

torch::Tensor convolve_moving(
    const torch::Tensor& signal,
    std::int64_t steps,
    std::int64_t hop_samples,
    const std::function<torch::Tensor(std::int64_t)>& response) {
  check(signal, "signal");
  MMI_CHECK(
      ShapeError,
      signal.dim() == 1,
      "convolve_moving needs a signal (N), but its shape is {}",
      signal.sizes().vec());
  MMI_CHECK(
      ConfigError,
      steps >= 1 && hop_samples >= 1,
      "convolve_moving needs steps and hop_samples of 1 or more, but they are {} and {}",
      steps,
      hop_samples);
  const std::int64_t samples = signal.size(0);
  const auto rise = torch::arange(hop_samples, signal.options()) / hop_samples;  // 0 <= rise < 1
  torch::Tensor sum;
  torch::Tensor padded;
  std::int64_t taps = 0;
  for (std::int64_t step = 0; step < steps; ++step) {
    const torch::Tensor h = response(step);
    check(h, "response");
    if (!sum.defined()) {
      MMI_CHECK(ShapeError, h.dim() == 2, "a response must be (C, L), not {}", h.sizes().vec());
      taps = h.size(1);
      sum = torch::zeros({h.size(0), samples + taps - 1}, signal.options());
      padded = torch::constant_pad_nd(signal, {taps - 1, taps - 1});
    }
    MMI_CHECK(
        ShapeError,
        h.dim() == 2 && h.size(0) == sum.size(0) && h.size(1) == taps,
        "responses must have one shape, but that of step {} is {}",
        step,
        h.sizes().vec());
    const std::int64_t middle = step * hop_samples;
    const std::int64_t begin = std::max<std::int64_t>(0, middle - hop_samples);
    const std::int64_t end =
        step + 1 < steps ? std::min(sum.size(1), middle + hop_samples) : sum.size(1);
    if (begin >= end) {
      continue;
    }
    // y[begin, end) needs x from taps - 1 earlier on; padded[k] is x[k - (taps - 1)].
    auto heard = convolve(padded.narrow(0, begin, end - begin + taps - 1).unsqueeze(0), h)
                     .narrow(1, taps - 1, end - begin);
    auto weight = torch::ones({end - begin}, signal.options());
    if (step > 0) {
      const std::int64_t count = std::min(hop_samples, end - begin);
      weight.narrow(0, 0, count).copy_(rise.narrow(0, 0, count));
    }
    if (step + 1 < steps && end > middle) {
      weight.narrow(0, middle - begin, end - middle).copy_(1 - rise.narrow(0, 0, end - middle));
    }
    sum.narrow(1, begin, end - begin).add_(heard * weight);
  }
  return sum;
}

}  // namespace mmi::dsp
