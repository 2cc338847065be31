#pragma once

#include <filesystem>
#include <memory>

#include "mmi/io/audio.h"

namespace mmi::io {

/// The sound of an opened file from `options.start_s` on, read once from front to back.
class AudioSource {
 public:
  explicit AudioSource(const AudioReadOptions& options) : options_(options) {}

  virtual ~AudioSource() = default;
  AudioSource(const AudioSource&) = delete;
  AudioSource& operator=(const AudioSource&) = delete;

  /// Appends up to `n` samples per channel; fewer only at the end. Padded ranges are added to
  /// `out.invalid`.
  virtual void read(std::int64_t n, Audio& out) = 0;

  int sample_rate_hz = 0;
  int channels = 0;
  std::int64_t announced = -1;  ///< samples per channel of the whole file; -1 when unknown
  Damage damage;

 protected:
  /// Throws what is wrong, or notes it when damage is to be skipped or padded.
  void report(const std::string& what);

  /// `n` samples per channel are missing: kPad puts silence in their place.
  void stand_in(std::int64_t n, Audio& out);

  /// Marks samples begin <= i < end of `out` as invalid.
  static void add_range(Audio& out, std::int64_t begin, std::int64_t end);

  /// First sample that the options ask for.
  std::int64_t first_sample() const;

  AudioReadOptions options_;
};

/// What the options ask for; `DataError` when that is more than may be read at once.
Audio read_at_once(AudioSource& source, const std::string& name, const AudioReadOptions& options);

std::unique_ptr<AudioSource> open_wav(
    const std::filesystem::path& path, const AudioReadOptions& options);

/// The best sound track of any container that FFmpeg knows.
std::unique_ptr<AudioSource> open_by_ffmpeg(
    const std::filesystem::path& path, const AudioReadOptions& options);

}  // namespace mmi::io
