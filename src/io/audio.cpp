#include "mmi/io/audio.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "io/audio_limits.h"
#include "io/media.h"
#include "mmi/base/errors.h"
#include "mmi/base/files.h"

#ifdef MMI_WITH_MEDIA
#include <sndfile.h>
#include <soxr.h>

#include <memory>
#endif

namespace mmi::io {
namespace {

/// Large enough for 2^28 samples of 8 bytes and some headers.
constexpr std::uint64_t kMaxWavBytes = 4ULL << 30;

bool is_wav(const std::filesystem::path& path) {
  std::string suffix = path.extension().string();
  std::transform(suffix.begin(), suffix.end(), suffix.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return suffix == ".wav" || suffix == ".wave";
}

#ifdef MMI_WITH_MEDIA
struct SoundCloser {
  void operator()(SNDFILE* file) const {
    sf_close(file);
  }
};

/// False when libsndfile does not know the format.
bool read_by_sndfile(
    const std::filesystem::path& path, const AudioReadOptions& options, Audio& audio) {
  const std::string name = path.string();
  SF_INFO info{};
  const std::unique_ptr<SNDFILE, SoundCloser> file(sf_open(path.c_str(), SFM_READ, &info));
  if (file == nullptr) {
    return false;
  }
  check_audio_format(name, info.channels, info.samplerate);
  const auto [begin, end] = audio_range(
      name, options, std::max<sf_count_t>(info.frames, 0), info.samplerate, info.channels);
  audio.sample_rate_hz = info.samplerate;
  audio.channels = info.channels;
  audio.samples.resize(static_cast<std::size_t>((end - begin) * info.channels));
  MMI_CHECK(
      DataError,
      begin == 0 || sf_seek(file.get(), begin, SEEK_SET) == begin,
      "{}: cannot go to {} s: {}",
      name,
      options.start_s,
      sf_strerror(file.get()));
  const sf_count_t got = sf_readf_float(file.get(), audio.samples.data(), end - begin);
  MMI_CHECK(
      DataError,
      got == end - begin,
      "{}: sound ends after {} of {} samples: {}",
      name,
      begin + got,
      end,
      sf_error(file.get()) ? sf_strerror(file.get()) : "it is truncated");
  return true;
}
#endif

}  // namespace

Audio read_audio(const std::filesystem::path& path, const AudioReadOptions& options) {
  if (is_wav(path)) {
    return parse_wav(read_bytes(path, kMaxWavBytes), path.string(), options);
  }
#ifdef MMI_WITH_MEDIA
  std::error_code code;
  MMI_CHECK(
      DataError,
      std::filesystem::is_regular_file(path, code),
      "{} is not a file: check the path",
      path);
  Audio audio;
  // libsndfile of Debian 12 knows mp3, but not the encoder delay: FFmpeg does.
  const std::string suffix = path.extension().string();
  if (suffix == ".mp3" || !read_by_sndfile(path, options, audio)) {
    return read_audio_by_ffmpeg(path, options);
  }
  return audio;
#else
  throw_without_media("reading " + path.string());
#endif
}

Audio resample(const Audio& audio, int to_sample_rate_hz) {
  check_audio_format("resample", audio.channels, audio.sample_rate_hz);
  check_audio_format("resample", audio.channels, to_sample_rate_hz);
  if (audio.sample_rate_hz == to_sample_rate_hz) {
    return audio;
  }
#ifdef MMI_WITH_MEDIA
  const auto length = static_cast<std::size_t>(audio.length());
  const double ratio = static_cast<double>(to_sample_rate_hz) / audio.sample_rate_hz;
  const auto wanted = static_cast<std::size_t>(
      std::llround(static_cast<double>(length) * to_sample_rate_hz / audio.sample_rate_hz));
  MMI_CHECK(
      DataError,
      wanted * static_cast<std::size_t>(audio.channels) <= kMaxSamples,
      "resampling {} samples by {:.2f} exceeds the limit of 2^28 samples",
      length,
      ratio);
  Audio out{to_sample_rate_hz, audio.channels, {}};
  out.samples.resize(wanted * static_cast<std::size_t>(audio.channels));
  if (wanted == 0) {
    return out;
  }
  const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_VHQ, 0);
  const soxr_runtime_spec_t runtime = soxr_runtime_spec(1);
  std::size_t done = 0;
  const soxr_error_t error = soxr_oneshot(
      audio.sample_rate_hz,
      to_sample_rate_hz,
      static_cast<unsigned>(audio.channels),
      audio.samples.data(),
      length,
      nullptr,
      out.samples.data(),
      wanted,
      &done,
      nullptr,
      &quality,
      &runtime);
  MMI_CHECK(
      DataError,
      error == nullptr,
      "resampling {} to {} Hz failed: {}",
      audio.sample_rate_hz,
      to_sample_rate_hz,
      soxr_strerror(error));
  return out;
#else
  throw_without_media("resampling sound");
#endif
}

Audio to_mono(const Audio& audio) {
  Audio mono{audio.sample_rate_hz, 1, {}};
  const auto channels = static_cast<std::size_t>(audio.channels);
  mono.samples.resize(static_cast<std::size_t>(audio.length()));
  for (std::size_t i = 0; i < mono.samples.size(); ++i) {
    double sum = 0;
    for (std::size_t c = 0; c < channels; ++c) {
      sum += audio.samples[i * channels + c];
    }
    mono.samples[i] = static_cast<float>(sum / audio.channels);
  }
  return mono;
}

}  // namespace mmi::io
