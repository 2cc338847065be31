#include "mmi/dsp/resample.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "mmi/base/errors.h"

namespace mmi::dsp {
namespace {

constexpr std::int64_t kMaxBankElements = 1 << 22;
constexpr std::int64_t kBlockElements = 1 << 22;

struct Ratio {
  std::int64_t from;
  std::int64_t to;
  double cutoff;      // in units of 1 / `from` samples
  std::int64_t half;  // taps on each side
};

Ratio make_ratio(std::int64_t from_hz, std::int64_t to_hz, const ResampleConfig& cfg) {
  MMI_CHECK(
      ConfigError,
      from_hz > 0 && to_hz > 0 && cfg.zero_crossings > 0 && cfg.rolloff > 0 && cfg.rolloff <= 1,
      "resample needs positive rates and a rolloff in (0, 1], but got {} -> {} Hz, rolloff {}",
      from_hz,
      to_hz,
      cfg.rolloff);
  const std::int64_t common = std::gcd(from_hz, to_hz);
  const std::int64_t from = from_hz / common;
  const std::int64_t to = to_hz / common;
  const double cutoff = static_cast<double>(std::min(from, to)) * cfg.rolloff;
  const auto half =
      static_cast<std::int64_t>(std::ceil(static_cast<double>(cfg.zero_crossings * from) / cutoff));
  return {from, to, cutoff, half};
}

// The filter at distances in input samples (double).
torch::Tensor filter_at(
    const torch::Tensor& distance, const Ratio& ratio, const ResampleConfig& cfg) {
  const double step = ratio.cutoff / static_cast<double>(ratio.from);
  const double zeros = static_cast<double>(cfg.zero_crossings);
  const auto t = torch::clamp(distance * step, -zeros, zeros);
  const auto inside = torch::clamp_min(1.0 - (t / zeros).square(), 0.0);
  const auto window = torch::special_i0(cfg.kaiser_beta * inside.sqrt()) /
                      torch::special_i0(torch::full({}, cfg.kaiser_beta, torch::kFloat64));
  return torch::sinc(t) * window * step;
}

// One filter per output phase: (from + 2 half, to).
torch::Tensor phase_bank(const Ratio& ratio, const ResampleConfig& cfg) {
  const auto tap = torch::arange(-ratio.half, ratio.half + ratio.from, torch::kFloat64);
  const auto phase = torch::arange(ratio.to, torch::kFloat64) *
                     (static_cast<double>(ratio.from) / static_cast<double>(ratio.to));
  return filter_at(tap.unsqueeze(1) - phase.unsqueeze(0), ratio, cfg);
}

torch::Tensor by_bank(
    const torch::Tensor& rows, std::int64_t wanted, const Ratio& ratio, const ResampleConfig& cfg) {
  const auto bank = phase_bank(ratio, cfg).to(rows.options());
  const std::int64_t taps = bank.size(0);
  const std::int64_t blocks = (wanted + ratio.to - 1) / ratio.to;
  const std::int64_t needed = (blocks - 1) * ratio.from + taps;
  const auto padded = torch::constant_pad_nd(
      rows, {ratio.half, std::max<std::int64_t>(0, needed - ratio.half - rows.size(1))});
  const auto frames = padded.unfold(1, taps, ratio.from).narrow(1, 0, blocks);
  const std::int64_t at_once =
      std::max<std::int64_t>(1, kBlockElements / (taps * std::max<std::int64_t>(1, rows.size(0))));
  std::vector<torch::Tensor> parts;
  for (std::int64_t b = 0; b < blocks; b += at_once) {
    parts.push_back(torch::matmul(frames.narrow(1, b, std::min(at_once, blocks - b)), bank));
  }
  return torch::cat(parts, 1).reshape({rows.size(0), -1}).narrow(1, 0, wanted);
}

torch::Tensor by_gather(
    const torch::Tensor& rows, std::int64_t wanted, const Ratio& ratio, const ResampleConfig& cfg) {
  const auto tap = torch::arange(-ratio.half, ratio.half + 1, torch::kInt64);
  const auto padded = torch::constant_pad_nd(rows, {ratio.half, ratio.half + 1});
  const std::int64_t at_once = std::max<std::int64_t>(
      1, kBlockElements / (tap.size(0) * std::max<std::int64_t>(1, rows.size(0))));
  std::vector<torch::Tensor> parts;
  for (std::int64_t m = 0; m < wanted; m += at_once) {
    const auto scaled = torch::arange(m, std::min(wanted, m + at_once), torch::kInt64) * ratio.from;
    const auto whole = torch::floor_divide(scaled, ratio.to);
    const auto rest =
        (scaled - whole * ratio.to).to(torch::kFloat64) / static_cast<double>(ratio.to);
    const auto filter =
        filter_at(tap.to(torch::kFloat64).unsqueeze(0) - rest.unsqueeze(1), ratio, cfg);
    const auto index = (whole.unsqueeze(1) + tap + ratio.half).to(rows.device());
    const auto picked =
        padded.index_select(1, index.flatten()).reshape({rows.size(0), -1, tap.size(0)});
    parts.push_back((picked * filter.to(rows.options())).sum(-1));
  }
  return torch::cat(parts, 1);
}

}  // namespace

std::int64_t resampled_length(std::int64_t samples, std::int64_t from_hz, std::int64_t to_hz) {
  const std::int64_t common = std::gcd(from_hz, to_hz);
  const std::int64_t from = from_hz / common;
  return (samples * (to_hz / common) + from - 1) / from;
}

torch::Tensor resample(
    const torch::Tensor& waveform,
    std::int64_t from_hz,
    std::int64_t to_hz,
    const ResampleConfig& cfg) {
  MMI_CHECK(
      ShapeError,
      waveform.dim() >= 1 && waveform.is_floating_point(),
      "resample needs a floating-point waveform [..., N], but its shape is {}",
      waveform.sizes().vec());
  const Ratio ratio = make_ratio(from_hz, to_hz, cfg);
  if (ratio.from == ratio.to) {
    return waveform.clone();
  }
  auto sizes = waveform.sizes().vec();
  const std::int64_t wanted = resampled_length(sizes.back(), from_hz, to_hz);
  sizes.back() = wanted;
  if (waveform.numel() == 0) {
    return torch::zeros(sizes, waveform.options());
  }
  const auto rows = waveform.reshape({-1, waveform.size(-1)});
  const bool small = ratio.to * (2 * ratio.half + ratio.from) <= kMaxBankElements;
  return (small ? by_bank(rows, wanted, ratio, cfg) : by_gather(rows, wanted, ratio, cfg))
      .reshape(sizes);
}

ResampleStream::ResampleStream(std::int64_t from_hz, std::int64_t to_hz, const ResampleConfig& cfg)
    : cfg_(cfg) {
  const Ratio ratio = make_ratio(from_hz, to_hz, cfg);
  from_ = ratio.from;
  to_ = ratio.to;
  context_ = (ratio.half + from_ - 1) / from_ * from_;
}

torch::Tensor ResampleStream::push(const torch::Tensor& piece, bool last) {
  if (from_ == to_) {
    return piece;
  }
  total_ += piece.size(-1);
  buffer_ = buffer_.defined() ? torch::cat({buffer_, piece}, -1) : piece;
  const std::int64_t held = buffer_.size(-1);
  // Blocks of `from` samples become `to` samples, with a context on both sides.
  const std::int64_t blocks = std::max<std::int64_t>(0, (held - before_ - context_) / from_);
  if (!last && blocks == 0) {
    return buffer_.narrow(-1, 0, 0);
  }
  const std::int64_t skip = before_ / from_ * to_;
  const std::int64_t wanted = last ? resampled_length(total_, from_, to_) - given_ : blocks * to_;
  const std::int64_t used = last ? held : before_ + blocks * from_ + context_;
  const auto made =
      resample(buffer_.narrow(-1, 0, used), from_, to_, cfg_).narrow(-1, skip, wanted);
  given_ += wanted;
  const std::int64_t end = before_ + blocks * from_;
  const std::int64_t keep = std::min(end, context_);
  buffer_ = buffer_.narrow(-1, end - keep, held - end + keep).clone();
  before_ = keep;
  return made;
}

}  // namespace mmi::dsp
