#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

#include "mmi/base/errors.h"
#include "mmi/io/audio.h"

namespace mmi::io {

constexpr int kMaxAudioChannels = 64;
constexpr int kMaxSampleRateHz = 768'000;
constexpr std::int64_t kMaxSamples = std::int64_t{1} << 28;

inline void check_audio_format(
    const std::string& name, std::int64_t channels, std::int64_t sample_rate_hz) {
  MMI_CHECK(
      DataError,
      channels >= 1 && channels <= kMaxAudioChannels,
      "{}: {} audio channels, but 1 to {} are supported",
      name,
      channels,
      kMaxAudioChannels);
  MMI_CHECK(
      DataError,
      sample_rate_hz >= 1 && sample_rate_hz <= kMaxSampleRateHz,
      "{}: a sample rate of {} Hz, but 1 to {} are supported",
      name,
      sample_rate_hz,
      kMaxSampleRateHz);
}

/// First and last-plus-one sample that the options ask for, out of `length` per channel.
inline std::pair<std::int64_t, std::int64_t> audio_range(
    const std::string& name,
    const AudioReadOptions& options,
    std::int64_t length,
    int sample_rate_hz,
    int channels) {
  MMI_CHECK(
      ConfigError,
      options.start_s >= 0 && options.max_duration_s >= 0,
      "{}: start_s {} and max_duration_s {} must not be negative",
      name,
      options.start_s,
      options.max_duration_s);
  const auto last = static_cast<double>(length);
  const double begin = std::min(last, std::round(options.start_s * sample_rate_hz));
  const double end = std::min(last, begin + std::round(options.max_duration_s * sample_rate_hz));
  const auto range = std::pair(static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end));
  MMI_CHECK(
      DataError,
      (range.second - range.first) * channels <= kMaxSamples,
      "{}: {:.0f} s of {} channels do not fit the limit of 2^28 samples: read it in pieces by "
      "start_s and max_duration_s",
      name,
      static_cast<double>(range.second - range.first) / sample_rate_hz,
      channels);
  return range;
}

}  // namespace mmi::io
