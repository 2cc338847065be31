#include "mmi/models/audeo/landmarks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "mmi/base/errors.h"
#include "mmi/dsp/stft.h"
#include "mmi/models/audeo/recordings.h"

namespace mmi::models::audeo {
namespace {

constexpr std::int64_t kFft = 2048;
constexpr std::int64_t kHop = 512;
constexpr double kFrameS = static_cast<double>(kHop) / static_cast<double>(kSampleRateHz);
constexpr std::int64_t kNearSemitones = 3;
constexpr std::int64_t kNearFrames = 5;
constexpr int kRatioBins = 19;
constexpr double kSlowest = 0.8;
constexpr double kFastest = 1.25;
constexpr double kPlaceS = 0.5;
constexpr int kWidestInterval = 32;  // six bits of the hash

/// (88, 1025): triangles around the semitones, as wide as a semitone on each side, at least one
/// bin.
torch::Tensor semitone_bank() {
  torch::Tensor bank = torch::zeros({kPianoKeys, kFft / 2 + 1});
  auto at = bank.accessor<float, 2>();
  const double bin_hz = static_cast<double>(kSampleRateHz) / kFft;
  for (std::int64_t key = 0; key < kPianoKeys; ++key) {
    const double hz = 440 * std::exp2(static_cast<double>(key + kLowestPitch - 69) / 12);
    const double half = std::max(hz * (std::exp2(1.0 / 12) - 1), bin_hz);
    for (std::int64_t bin = 0; bin <= kFft / 2; ++bin) {
      const double away = std::abs(static_cast<double>(bin) * bin_hz - hz);
      at[key][bin] = static_cast<float>(std::max(0.0, 1 - away / half));
    }
  }
  return bank;
}

/// (88, T): how fast each semitone grows, half-wave rectified.
torch::Tensor rises(const torch::Tensor& waveform, double floor_db) {
  static const torch::Tensor bank = semitone_bank();
  dsp::StftConfig stft;
  stft.n_fft = kFft;
  stft.hop_samples = kHop;
  stft.pad_mode = dsp::PadMode::kZeros;
  const torch::Tensor power = torch::matmul(bank, dsp::power(dsp::stft(waveform, stft)));
  const torch::Tensor level =
      power.add(power.max() * std::pow(10, floor_db / 10)).clamp_min(1e-12).log();
  return torch::constant_pad_nd(level.diff(1, 1).clamp_min(0), {1, 0});
}

std::uint32_t hash_of(const Peak& a, const Peak& b, const Peak& c) {
  const double place = static_cast<double>(b.frame - a.frame) / (c.frame - a.frame);
  const auto low6 = [](int value) { return static_cast<std::uint32_t>(value + 32) & 63U; };
  return (static_cast<std::uint32_t>(a.semitone) << 15) | (low6(b.semitone - a.semitone) << 9) |
         (low6(c.semitone - a.semitone) << 3) |
         (static_cast<std::uint32_t>(std::lround(8 * place)) & 7U);
}

}  // namespace

const config::Schema& LandmarkConfig::schema() {
  using C = LandmarkConfig;
  static const config::Schema made =
      config::Table<C>("landmarks", "tempo-invariant index that recognises works")
          .field("span_s", &C::span_s, "from a triplet's first peak to its last", config::above(0))
          .field("gap_s", &C::gap_s, "between two peaks of a triplet at least", config::above(0))
          .field("fan_out", &C::fan_out, "peaks tried behind each peak", config::between(1, 32))
          .field(
              "peaks_per_frame",
              &C::peaks_per_frame,
              "strongest local maxima",
              config::between(1, 88))
          .field(
              "floor_db",
              &C::floor_db,
              "power added to all, against the loudest semitone",
              config::between(-120, 0))
          .field(
              "smallest_rise",
              &C::smallest_rise,
              "of a peak, in natural-log power a frame",
              config::at_least(0))
          .field(
              "smallest_score",
              &C::smallest_score,
              "share of agreeing triplets below which nothing is found",
              config::between(0, 1))
          .field(
              "smallest_margin",
              &C::smallest_margin,
              "best over second-best score below which nothing is found",
              config::at_least(1));
  return made;
}

std::vector<Peak> landmark_peaks(const torch::Tensor& waveform, const LandmarkConfig& config) {
  MMI_CHECK(
      ShapeError,
      waveform.dim() == 1,
      "the waveform must be (N), one channel at 16 kHz, but is {}",
      waveform.sizes().vec());
  const torch::NoGradGuard no_grad;
  if (waveform.size(0) < kFft) {
    return {};
  }
  const torch::Tensor rise = rises(waveform.to(torch::kFloat32), config.floor_db);
  const torch::Tensor highest = torch::max_pool2d(
                                    rise.unsqueeze(0),
                                    {2 * kNearSemitones + 1, 2 * kNearFrames + 1},
                                    {1, 1},
                                    {kNearSemitones, kNearFrames})
                                    .squeeze(0);
  const auto value = rise.accessor<float, 2>();
  const auto top = highest.accessor<float, 2>();
  std::vector<Peak> peaks;
  std::vector<std::pair<float, std::int16_t>> here;
  for (std::int64_t t = 0; t < rise.size(1); ++t) {
    here.clear();
    for (std::int64_t key = 0; key < kPianoKeys; ++key) {
      if (value[key][t] >= config.smallest_rise && value[key][t] == top[key][t]) {
        here.emplace_back(value[key][t], static_cast<std::int16_t>(key));
      }
    }
    std::ranges::sort(here, std::greater<>());
    here.resize(std::min(here.size(), static_cast<std::size_t>(config.peaks_per_frame)));
    for (const auto& [strength, key] : here) {
      peaks.push_back({static_cast<std::int32_t>(t), key});
    }
  }
  return peaks;
}

std::vector<LandmarkIndex::Entry> LandmarkIndex::triplets_of(
    const torch::Tensor& waveform, std::int32_t reference) const {
  const std::vector<Peak> peaks = landmark_peaks(waveform, config_);
  const auto span = static_cast<std::int32_t>(config_.span_s / kFrameS);
  const auto gap = static_cast<std::int32_t>(config_.gap_s / kFrameS);
  std::vector<Entry> entries;
  // The next peaks behind `from` that may follow it in a triplet that began with `first`.
  const auto next = [&](std::size_t first, std::size_t from, const auto& use) {
    int used = 0;
    for (std::size_t i = from + 1; i < peaks.size() && used < config_.fan_out; ++i) {
      if (peaks[i].frame - peaks[first].frame > span) {
        break;
      }
      if (peaks[i].frame - peaks[from].frame >= gap &&
          std::abs(peaks[i].semitone - peaks[first].semitone) < kWidestInterval) {
        use(i);
        ++used;
      }
    }
  };
  for (std::size_t a = 0; a < peaks.size(); ++a) {
    next(a, a, [&](std::size_t b) {
      next(a, b, [&](std::size_t c) {
        entries.push_back(
            {hash_of(peaks[a], peaks[b], peaks[c]),
             reference,
             peaks[a].frame,
             peaks[c].frame - peaks[a].frame});
      });
    });
  }
  return entries;
}

void LandmarkIndex::add(const std::string& work, const torch::Tensor& waveform) {
  const auto at = std::ranges::find(works_, work);
  const auto number = static_cast<std::int32_t>(at - works_.begin());
  if (at == works_.end()) {
    works_.push_back(work);
  }
  const auto entries = triplets_of(waveform, static_cast<std::int32_t>(work_of_.size()));
  work_of_.push_back(number);
  entries_.insert(entries_.end(), entries.begin(), entries.end());
}

void LandmarkIndex::finish() {
  std::ranges::stable_sort(entries_, {}, &Entry::hash);
}

LandmarkMatch LandmarkIndex::identify(const torch::Tensor& waveform) const {
  const std::vector<Entry> query = triplets_of(waveform, 0);
  // Votes by (reference, tempo, place). A moment of the query counts once for each of them: three
  // chords have more triplets than a minute of two voices.
  std::unordered_map<std::uint64_t, int> votes;
  std::vector<int> best(works_.size(), 0);
  const double log_width = std::log(kFastest / kSlowest) / kRatioBins;
  std::int64_t moments = 0;
  std::vector<std::uint64_t> mine;
  for (auto q = query.begin(); q != query.end();) {
    mine.clear();
    const std::int32_t moment = q->frame;
    for (; q != query.end() && q->frame == moment; ++q) {
      for (const Entry& e : std::ranges::equal_range(entries_, q->hash, {}, &Entry::hash)) {
        const double ratio = static_cast<double>(e.span) / q->span;
        if (ratio < kSlowest || ratio >= kFastest) {
          continue;
        }
        const auto tempo = static_cast<std::uint64_t>(std::log(ratio / kSlowest) / log_width);
        const double centre = kSlowest * std::exp((static_cast<double>(tempo) + 0.5) * log_width);
        // Where the query's beginning lies in the reference.
        const double start_s = (e.frame - moment * centre) * kFrameS;
        const auto place = static_cast<std::uint64_t>(std::floor(start_s / kPlaceS) + 4096);
        mine.push_back(
            (static_cast<std::uint64_t>(e.reference) << 32) | (tempo << 20) | (place & 0xFFFFFU));
      }
    }
    ++moments;
    std::ranges::sort(mine);
    const auto repeated = std::ranges::unique(mine);
    mine.erase(repeated.begin(), repeated.end());
    for (const std::uint64_t bin : mine) {
      int& top = best[static_cast<std::size_t>(work_of_[bin >> 32])];
      top = std::max(top, ++votes[bin]);
    }
  }
  LandmarkMatch match;
  if (query.empty() || works_.empty()) {
    return match;
  }
  const auto first = std::ranges::max_element(best);
  int second = 0;
  for (auto at = best.begin(); at != best.end(); ++at) {
    second = at == first ? second : std::max(second, *at);
  }
  match.best = works_[static_cast<std::size_t>(first - best.begin())];
  match.score = static_cast<double>(*first) / static_cast<double>(moments);
  match.margin =
      second == 0 ? std::numeric_limits<double>::infinity() : static_cast<double>(*first) / second;
  if (match.score >= config_.smallest_score && match.margin >= config_.smallest_margin) {
    match.work = match.best;
  }
  return match;
}

}  // namespace mmi::models::audeo
