#include "mmi/models/audeo/sounds.h"

#include <algorithm>
#include <numeric>

#include "mmi/base/errors.h"
#include "mmi/dsp/resample.h"
#include "mmi/io/audio.h"
#include "mmi/models/audeo/onsets_frames.h"

namespace mmi::models::audeo {
namespace {

constexpr double kFullScale = 32768;
constexpr double kSilence = 1e-4;  // -80 dBFS
constexpr double kPieceS = 10;

/// Where samples of a file and of 16 kHz coincide: `source` file samples last as long as `target`
/// of ours. Pieces that begin there are resampled without a shift.
struct Grid {
  std::int64_t source;
  std::int64_t target;
  std::int64_t margin;  ///< cells that the resampling filter reaches to each side

  explicit Grid(std::int64_t rate_hz) {
    const std::int64_t common = std::gcd(rate_hz, kSoundRateHz);
    source = rate_hz / common;
    target = kSoundRateHz / common;
    const std::int64_t reach = 70 * kSoundRateHz / std::min(rate_hz, kSoundRateHz);
    margin = rate_hz == kSoundRateHz ? 0 : reach / target + 1;
  }
};

torch::Tensor to_int16(const torch::Tensor& samples) {
  return (samples * kFullScale).round_().clamp_(-kFullScale, kFullScale - 1).to(torch::kInt16);
}

/// Mono samples at the file's rate -> 16 kHz.
torch::Tensor to_16k(std::vector<float>& mono, std::int64_t rate_hz) {
  const torch::Tensor source =
      torch::from_blob(mono.data(), {static_cast<std::int64_t>(mono.size())}, torch::kFloat32);
  return rate_hz == kSoundRateHz ? source.clone() : dsp::resample(source, rate_hz, kSoundRateHz);
}

/// Takes a file's samples in order and gives those at 16 kHz that no later sample can change.
class StreamResampler {
 public:
  explicit StreamResampler(std::int64_t rate_hz) : rate_hz_(rate_hz), grid_(rate_hz) {}

  torch::Tensor push(const std::vector<float>& mono, bool last) {
    buffer_.insert(buffer_.end(), mono.begin(), mono.end());
    const auto held = static_cast<std::int64_t>(buffer_.size());
    const std::int64_t ready = first_ + held / grid_.source - grid_.margin;
    if (held == 0 || (!last && ready <= done_)) {
      return torch::empty({0});
    }
    const torch::Tensor all = to_16k(buffer_, rate_hz_);
    const std::int64_t end = last ? all.size(0) : (ready - first_) * grid_.target;
    const torch::Tensor out = all.slice(0, (done_ - first_) * grid_.target, end).clone();
    done_ = ready;
    const std::int64_t keep = std::max(first_, done_ - grid_.margin);
    buffer_.erase(buffer_.begin(), buffer_.begin() + (keep - first_) * grid_.source);
    first_ = keep;
    return out;
  }

 private:
  std::int64_t rate_hz_;
  Grid grid_;
  std::vector<float> buffer_;
  std::int64_t first_ = 0;  ///< cell at which the buffer begins
  std::int64_t done_ = 0;   ///< cells that were given out
};

}  // namespace

MemorySound::MemorySound(std::string name, const torch::Tensor& samples, music::Notes notes)
    : name_(std::move(name)),
      samples_(samples.scalar_type() == torch::kInt16 ? samples : to_int16(samples)),
      notes_(std::move(notes)) {
  MMI_CHECK(ShapeError, samples.dim() == 1, "a sound must be (N), not {}", samples.sizes().vec());
}

torch::Tensor MemorySound::read(std::int64_t begin, std::int64_t count) const {
  torch::Tensor out = torch::zeros({count});
  const std::int64_t from = std::max<std::int64_t>(begin, 0);
  const std::int64_t to = std::min(begin + count, samples());
  if (from < to) {
    out.slice(0, from - begin, to - begin).copy_(samples_.slice(0, from, to)).div_(kFullScale);
  }
  return out;
}

double MemorySound::peak() const {
  return samples_.numel() == 0
             ? 0
             : samples_.to(torch::kFloat32).abs_().max().item<double>() / kFullScale;
}

FileSound::FileSound(std::filesystem::path path, music::Notes notes)
    : path_(std::move(path)), name_(path_.stem().string()), notes_(std::move(notes)) {
  io::AudioReader reader(path_);
  rate_hz_ = reader.sample_rate_hz();
  double seconds = reader.duration_s();
  if (seconds == 0) {
    for (io::Audio piece; reader.next(piece, kPieceS);) {
      seconds += piece.duration_s();
    }
  }
  samples_ = dsp::resampled_length(
      std::llround(seconds * static_cast<double>(rate_hz_)), rate_hz_, kSoundRateHz);
  MMI_CHECK(DataError, samples_ > 0, "{} holds no sound", path_.string());
}

torch::Tensor FileSound::read(std::int64_t begin, std::int64_t count) const {
  const Grid grid(rate_hz_);
  const std::int64_t from = std::max<std::int64_t>(begin, 0);
  const std::int64_t first = std::max<std::int64_t>(0, from / grid.target - grid.margin);
  const std::int64_t last = (begin + count) / grid.target + 1 + grid.margin;
  torch::Tensor out = torch::zeros({count});
  if (from >= std::min(begin + count, samples_)) {
    return out;
  }
  io::AudioReadOptions options;
  const auto rate = static_cast<double>(rate_hz_);
  options.start_s = static_cast<double>(first * grid.source) / rate;
  options.max_duration_s = static_cast<double>((last - first) * grid.source) / rate;
  io::Audio mono = io::to_mono(io::read_audio(path_, options));
  if (mono.samples.empty()) {
    return out;
  }
  const torch::Tensor found = to_16k(mono.samples, rate_hz_);
  const std::int64_t start = first * grid.target;  // of `found` at 16 kHz
  const std::int64_t to = std::min({begin + count, samples_, start + found.size(0)});
  if (from < to) {
    out.slice(0, from - begin, to - begin).copy_(found.slice(0, from - start, to - start));
  }
  return out;
}

std::shared_ptr<const MemorySound> read_sound(const std::filesystem::path& path) {
  io::AudioReader reader(path);
  StreamResampler resampler(reader.sample_rate_hz());
  std::vector<torch::Tensor> parts;
  for (io::Audio piece; reader.next(piece, kPieceS);) {
    parts.push_back(to_int16(resampler.push(io::to_mono(piece).samples, false)));
  }
  parts.push_back(to_int16(resampler.push({}, true)));
  auto sound = std::make_shared<MemorySound>(path.stem().string(), torch::cat(parts));
  MMI_CHECK(
      DataError,
      sound->peak() >= kSilence,
      "{} holds {}, nothing that could be transcribed: check the recording",
      path.string(),
      sound->samples() == 0 ? "no sound" : "only silence");
  return sound;
}

}  // namespace mmi::models::audeo
