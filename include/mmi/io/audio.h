#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/files.h"
#include "mmi/io/damage.h"

namespace mmi::io {

/// Samples begin <= i < end of each channel.
struct SampleRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  bool operator==(const SampleRange&) const = default;
};

/// Interleaved samples, nominally in [-1, 1].
struct Audio {
  int sample_rate_hz = 0;
  int channels = 1;
  std::vector<float> samples;
  std::vector<SampleRange> invalid = {};  ///< where silence stands in for damaged sound (kPad)

  /// Samples per channel.
  std::int64_t length() const {
    return channels > 0 ? static_cast<std::int64_t>(samples.size()) / channels : 0;
  }

  double duration_s() const {
    return sample_rate_hz > 0 ? static_cast<double>(length()) / sample_rate_hz : 0;
  }
};

struct AudioReadOptions {
  double start_s = 0;
  double max_duration_s = std::numeric_limits<double>::infinity();
  OnError on_error = OnError::kRaise;
};

/// Reads a sound file. `.wav` by our own bounded parser (PCM 8, 16, 24, 32 bits and float 32, 64),
/// FLAC, Ogg, AIFF and others by libsndfile; mp3, m4a and the sound of videos by FFmpeg (a track
/// that begins later than its video is padded with silence). Integers are divided by 2^(bits-1).
/// Limits: 64 channels, 1 to 768,000 Hz, 600 s and 2^28 samples at once (`AudioReader` streams
/// longer files). `DataError` with the path; `NotBuiltError` for all but `.wav` without MMI_MEDIA.
MMI_API Audio read_audio(
    const std::filesystem::path& path,
    const AudioReadOptions& options = {},
    Damage* damage = nullptr);

/// Reads what `read_audio` reads piece by piece, in memory that does not grow with the file. Not
/// thread-safe.
///   AudioReader reader("long.flac");
///   for (Audio piece; reader.next(piece, 10.0);) ...
class MMI_API AudioReader {
 public:
  explicit AudioReader(const std::filesystem::path& path, const AudioReadOptions& options = {});
  ~AudioReader();
  AudioReader(AudioReader&&) noexcept;
  AudioReader& operator=(AudioReader&&) noexcept;

  int sample_rate_hz() const;
  int channels() const;

  /// As the file announces it, without decoding; 0 when it does not.
  double duration_s() const;

  /// The next `seconds` (0 < seconds <= 600), less at the end; false when nothing is left.
  bool next(Audio& piece, double seconds);

  const Damage& damage() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

enum class WavType { kPcm16, kPcm24, kPcm32, kFloat32 };

/// Writes `.wav` atomically; needs no media library. Integers are round(x * 2^(bits-1)), clipped.
/// A sample that is not finite is a `NumericError`.
MMI_API void write_wav(
    const std::filesystem::path& path,
    std::span<const float> samples,
    int channels,
    int sample_rate_hz,
    WavType type = WavType::kPcm16);
MMI_API void write_wav(
    const std::filesystem::path& path, const Audio& audio, WavType type = WavType::kPcm16);

/// Writes `.wav` piece by piece, in memory that does not grow with the file, which appears when it
/// is finished. ConfigError for more or fewer samples than announced; else as `write_wav`.
///   WavWriter writer("long.wav", length, channels, rate); writer.write(piece); … writer.finish();
class MMI_API WavWriter {
 public:
  /// `length`: samples of each channel.
  WavWriter(
      const std::filesystem::path& path,
      std::int64_t length,
      int channels,
      int sample_rate_hz,
      WavType type = WavType::kPcm16);

  /// Interleaved samples.
  void write(std::span<const float> samples);
  void finish();

 private:
  AtomicFile file_;
  WavType type_;
  std::uint64_t left_ = 0;
  std::uint64_t written_ = 0;
  bool odd_ = false;
};

/// Bytes of a WAV file in memory.
MMI_API Audio parse_wav(
    std::span<const std::uint8_t> bytes,
    const std::string& name,
    const AudioReadOptions& options = {});
MMI_API std::vector<std::uint8_t> encode_wav(const Audio& audio, WavType type = WavType::kPcm16);

/// By soxr "very high quality"; the length becomes round(length * to / from). `NotBuiltError`
/// without MMI_MEDIA.
MMI_API Audio resample(const Audio& audio, int to_sample_rate_hz);

/// The mean of the channels.
MMI_API Audio to_mono(const Audio& audio);

}  // namespace mmi::io
