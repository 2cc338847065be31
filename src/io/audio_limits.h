#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

#include "mmi/base/errors.h"
#include "mmi/io/audio.h"

namespace mmi::io {

constexpr int kMaxAudioChannels = 64;
constexpr int kMaxSampleRateHz = 768'000;
constexpr std::int64_t kMaxSamples = std::int64_t{1} << 28;
constexpr int kMaxSecondsAtOnce = 600;

/// Samples per channel that may be made up at the end of a truncated file.
inline std::int64_t max_padding(int sample_rate_hz, int channels) {
  return std::min(
      std::int64_t{kMaxSecondsAtOnce} * sample_rate_hz, (std::int64_t{1} << 26) / channels);
}

/// Samples per channel that one call may return.
inline std::int64_t max_length(int sample_rate_hz, int channels) {
  return std::min(std::int64_t{kMaxSecondsAtOnce} * sample_rate_hz, kMaxSamples / channels);
}

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

inline void check_audio_range(const std::string& name, const AudioReadOptions& options) {
  MMI_CHECK(
      ConfigError,
      options.start_s >= 0 && options.max_duration_s >= 0,
      "{}: start_s {} and max_duration_s {} must not be negative",
      name,
      options.start_s,
      options.max_duration_s);
}

}  // namespace mmi::io
