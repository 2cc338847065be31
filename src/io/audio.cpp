#include "mmi/io/audio.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "io/audio_limits.h"
#include "io/audio_source.h"
#include "io/media.h"
#include "mmi/base/errors.h"

#ifdef MMI_WITH_MEDIA
#include <sndfile.h>
#include <soxr.h>

#include <memory>
#endif

namespace mmi::io {
namespace {

std::string suffix_of(const std::filesystem::path& path) {
  std::string suffix = path.extension().string();
  std::transform(suffix.begin(), suffix.end(), suffix.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return suffix;
}

#ifdef MMI_WITH_MEDIA
struct SoundCloser {
  void operator()(SNDFILE* file) const {
    sf_close(file);
  }
};

class SndSource : public AudioSource {
 public:
  SndSource(const std::filesystem::path& path, const AudioReadOptions& options)
      : AudioSource(options), name_(path.string()), file_(sf_open(path.c_str(), SFM_READ, &info_)) {
    if (file_ == nullptr) {
      return;
    }
    check_audio_format(name_, info_.channels, info_.samplerate);
    sample_rate_hz = info_.samplerate;
    channels = info_.channels;
    announced = std::max<sf_count_t>(info_.frames, 0);
    position_ = std::min(announced, first_sample());
    MMI_CHECK(
        DataError,
        position_ == 0 || sf_seek(file_.get(), position_, SEEK_SET) == position_,
        "{}: cannot go to {} s: {}",
        name_,
        options.start_s,
        sf_strerror(file_.get()));
  }

  /// False when libsndfile does not know the format.
  bool opened() const {
    return file_ != nullptr;
  }

  void read(std::int64_t n, Audio& out) override {
    n = std::min(n, announced - position_);
    const std::size_t before = out.samples.size();
    out.samples.resize(before + static_cast<std::size_t>(n * channels));
    const sf_count_t got = sf_readf_float(file_.get(), out.samples.data() + before, n);
    // libFLAC replaces a frame of wrong checksum by silence and goes on.
    MMI_CHECK(
        DataError,
        got == n && sf_error(file_.get()) == SF_ERR_NO_ERROR,
        "{}: sound ends or is damaged at {:.3f} s of {:.3f} s: {}: on_error skip or pad reads the "
        "rest",
        name_,
        static_cast<double>(position_ + got) / sample_rate_hz,
        static_cast<double>(announced) / sample_rate_hz,
        sf_error(file_.get()) ? sf_strerror(file_.get()) : "it is truncated");
    position_ += n;
  }

 private:
  std::string name_;
  SF_INFO info_{};
  std::unique_ptr<SNDFILE, SoundCloser> file_;
  std::int64_t position_ = 0;
};
#endif

std::unique_ptr<AudioSource> open_source(
    const std::filesystem::path& path, const AudioReadOptions& options) {
  std::error_code code;
  MMI_CHECK(
      DataError,
      std::filesystem::is_regular_file(path, code),
      "{} is not a file: check the path",
      path);
  MMI_CHECK(
      DataError,
      std::filesystem::file_size(path, code) > 0,
      "{} is empty (0 bytes), not a sound file: make or copy it again",
      path);
  check_audio_range(path.string(), options);
  const std::string suffix = suffix_of(path);
  if (suffix == ".wav" || suffix == ".wave") {
    return open_wav(path, options);
  }
#ifdef MMI_WITH_MEDIA
  // libsndfile of Debian 12 knows mp3, but not the encoder delay, and stops at damage: FFmpeg
  // does better.
  if (suffix != ".mp3" && options.on_error == OnError::kRaise) {
    auto made = std::make_unique<SndSource>(path, options);
    if (made->opened()) {
      return made;
    }
  }
  return open_by_ffmpeg(path, options);
#else
  throw_without_media("reading " + path.string());
#endif
}

}  // namespace

void AudioSource::report(const std::string& what) {
  MMI_CHECK(
      DataError,
      options_.on_error != OnError::kRaise,
      "{}: on_error skip or pad reads the rest",
      what);
  if (damage.first.empty()) {
    damage.first = what;
  }
}

void AudioSource::add_range(Audio& out, std::int64_t begin, std::int64_t end) {
  if (!out.invalid.empty() && out.invalid.back().end == begin) {
    out.invalid.back().end = end;
  } else if (end > begin) {
    out.invalid.push_back({begin, end});
  }
}

void AudioSource::stand_in(std::int64_t n, Audio& out) {
  if (options_.on_error == OnError::kSkip) {
    damage.left_out += n;
    return;
  }
  add_range(out, out.length(), out.length() + n);
  damage.padded += n;
  out.samples.resize(out.samples.size() + static_cast<std::size_t>(n * channels));
}

std::int64_t AudioSource::first_sample() const {
  return std::llround(std::min(options_.start_s, 1e9) * sample_rate_hz);
}

struct AudioReader::Impl {
  std::unique_ptr<AudioSource> source;
  std::int64_t left = 0;  ///< samples per channel until max_duration_s

  Audio read(std::int64_t n) {
    Audio piece{source->sample_rate_hz, source->channels, {}};
    source->read(std::min(n, left), piece);
    left -= piece.length();
    return piece;
  }
};

AudioReader::AudioReader(const std::filesystem::path& path, const AudioReadOptions& options)
    : impl_(std::make_unique<Impl>()) {
  impl_->source = open_source(path, options);
  const double wanted = options.max_duration_s * impl_->source->sample_rate_hz;
  impl_->left = wanted > 1e15 ? INT64_MAX : std::llround(wanted);
}

AudioReader::~AudioReader() = default;
AudioReader::AudioReader(AudioReader&&) noexcept = default;
AudioReader& AudioReader::operator=(AudioReader&&) noexcept = default;

int AudioReader::sample_rate_hz() const {
  return impl_->source->sample_rate_hz;
}

int AudioReader::channels() const {
  return impl_->source->channels;
}

double AudioReader::duration_s() const {
  return static_cast<double>(std::max<std::int64_t>(impl_->source->announced, 0)) /
         sample_rate_hz();
}

const Damage& AudioReader::damage() const {
  return impl_->source->damage;
}

bool AudioReader::next(Audio& piece, double seconds) {
  MMI_CHECK(
      ConfigError,
      seconds > 0 && seconds <= kMaxSecondsAtOnce,
      "pieces of sound must last more than 0 and at most {} s, but {} s are asked for",
      kMaxSecondsAtOnce,
      seconds);
  const auto wanted = std::max<std::int64_t>(std::llround(seconds * sample_rate_hz()), 1);
  Audio made = impl_->read(std::min(wanted, max_length(sample_rate_hz(), channels())));
  if (made.length() == 0) {
    return false;
  }
  piece = std::move(made);
  return true;
}

Audio read_at_once(AudioSource& source, const std::string& name, const AudioReadOptions& options) {
  const std::int64_t limit = max_length(source.sample_rate_hz, source.channels);
  const double wanted = options.max_duration_s * source.sample_rate_hz;
  Audio audio{source.sample_rate_hz, source.channels, {}};
  // One more shows that there is more than may be returned.
  source.read(wanted > static_cast<double>(limit) ? limit + 1 : std::llround(wanted), audio);
  MMI_CHECK(
      DataError,
      audio.length() <= limit,
      "{}: more sound than may be read at once ({} s of {} channels): use start_s and "
      "max_duration_s, or AudioReader",
      name,
      limit / source.sample_rate_hz,
      source.channels);
  return audio;
}

Audio read_audio(
    const std::filesystem::path& path, const AudioReadOptions& options, Damage* damage) {
  const auto source = open_source(path, options);
  Audio audio = read_at_once(*source, path.string(), options);
  if (damage != nullptr) {
    *damage = source->damage;
  }
  return audio;
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
