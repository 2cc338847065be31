#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>

#include "io/audio_limits.h"
#include "io/audio_source.h"
#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/io/audio.h"

namespace mmi::io {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr int kPcm = 1;
constexpr int kFloat = 3;
constexpr int kExtensible = 0xFFFE;

std::uint32_t little(Bytes bytes, std::size_t offset, int n_bytes) {
  std::uint32_t value = 0;
  for (int i = n_bytes - 1; i >= 0; --i) {
    value = (value << 8) | bytes[offset + static_cast<std::size_t>(i)];
  }
  return value;
}

bool is(Bytes bytes, std::size_t offset, const char* tag) {
  return std::memcmp(bytes.data() + offset, tag, 4) == 0;
}

struct Format {
  int kind = 0;
  int channels = 0;
  int sample_rate_hz = 0;
  int bits = 0;

  std::size_t sample_bytes() const {
    return static_cast<std::size_t>(bits) / 8;
  }
};

Format parse_format(Bytes chunk, const std::string& name) {
  MMI_CHECK(
      DataError,
      chunk.size() >= 16,
      "{}: the 'fmt ' chunk has {} bytes instead of at least 16",
      name,
      chunk.size());
  Format found;
  found.kind = static_cast<int>(little(chunk, 0, 2));
  found.channels = static_cast<int>(little(chunk, 2, 2));
  const std::uint32_t rate = little(chunk, 4, 4);
  const std::uint32_t block = little(chunk, 12, 2);
  found.bits = static_cast<int>(little(chunk, 14, 2));
  if (found.kind == kExtensible && chunk.size() >= 26) {
    found.kind = static_cast<int>(little(chunk, 24, 2));
  }
  check_audio_format(name, found.channels, rate);
  found.sample_rate_hz = static_cast<int>(rate);
  const int bits = found.bits;
  const bool known =
      (found.kind == kPcm && (bits == 8 || bits == 16 || bits == 24 || bits == 32)) ||
      (found.kind == kFloat && (bits == 32 || bits == 64));
  MMI_CHECK(
      DataError,
      known,
      "{}: WAV format {} with {} bits is not supported (PCM of 8, 16, 24, 32 bits and float of 32, "
      "64 bits are): convert it with ffmpeg",
      name,
      found.kind,
      bits);
  MMI_CHECK(
      DataError,
      block == static_cast<std::uint32_t>(found.channels) * found.sample_bytes(),
      "{}: a block has {} bytes, which does not fit {} channels of {} bits",
      name,
      block,
      found.channels,
      bits);
  return found;
}

/// Bytes of a file or of memory.
struct Storage {
  std::uint64_t size = 0;
  /// Fills `to`, which lies inside.
  std::function<void(std::uint64_t offset, std::span<std::uint8_t> to)> fetch;

  template <std::size_t n>
  std::array<std::uint8_t, n> at(std::uint64_t offset) const {
    std::array<std::uint8_t, n> bytes{};
    fetch(offset, bytes);
    return bytes;
  }
};

struct Layout {
  Format format;
  std::uint64_t begin = 0;      ///< of the samples
  std::uint64_t announced = 0;  ///< bytes of samples
  std::uint64_t present = 0;    ///< of them in the file
};

/// Walks over the chunks; those other than 'fmt ' and 'data' are skipped.
Layout find_samples(const Storage& file, const std::string& name, bool may_be_truncated) {
  constexpr std::uint64_t kMaxFormatBytes = 200;
  const auto start = file.size >= 12 ? file.at<12>(0) : std::array<std::uint8_t, 12>{};
  MMI_CHECK(
      DataError,
      is(start, 0, "RIFF") && is(start, 8, "WAVE"),
      "{} is not a WAV file: it does not begin with 'RIFF....WAVE'",
      name);
  Layout found;
  std::uint64_t position = 12;
  while (position <= file.size && file.size - position >= 8) {
    const auto head = file.at<8>(position);
    const bool is_data = is(head, 0, "data");
    std::uint64_t size = little(head, 4, 4);
    const std::uint64_t left = file.size - position - 8;
    // A writer that could not seek back leaves this mark: the data lasts to the end.
    if (is_data && size == 0xFFFFFFFFU) {
      size = left;
    }
    MMI_CHECK(
        DataError,
        size <= left || (is_data && may_be_truncated),
        "{}: the chunk at byte {} should have {} bytes, but the file ends after {}: it is "
        "truncated",
        name,
        position,
        size,
        left);
    if (is(head, 0, "fmt ")) {
      std::vector<std::uint8_t> chunk(std::min(size, kMaxFormatBytes));
      file.fetch(position + 8, chunk);
      found.format = parse_format(chunk, name);
    } else if (is_data) {
      MMI_CHECK(
          DataError, found.format.kind != 0, "{}: no 'fmt ' chunk before the data chunk", name);
      found.begin = position + 8;
      found.announced = size;
      found.present = std::min(size, left);
      return found;
    }
    // Chunks begin at even offsets.
    position += 8 + size + (size & 1);
  }
  throw DataError(format("{}: no data chunk: the file is truncated", name));
}

float decode(const std::uint8_t* bytes, int kind, int bits) {
  if (kind == kFloat) {
    if (bits == 32) {
      float value = 0;
      std::memcpy(&value, bytes, 4);
      return value;
    }
    double value = 0;
    std::memcpy(&value, bytes, 8);
    return static_cast<float>(value);
  }
  if (bits == 8) {
    return (static_cast<float>(bytes[0]) - 128.0F) / 128.0F;
  }
  // Left-aligned in 32 bits, so that the sign comes for free.
  const Bytes raw(bytes, static_cast<std::size_t>(bits) / 8);
  const auto value = std::bit_cast<std::int32_t>(little(raw, 0, bits / 8) << (32 - bits));
  return static_cast<float>(static_cast<double>(value) * 0x1p-31);
}

void put(std::vector<std::uint8_t>& out, std::uint32_t value, int n_bytes) {
  for (int i = 0; i < n_bytes; ++i) {
    out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  }
}

void put(std::vector<std::uint8_t>& out, const char* tag) {
  out.insert(out.end(), tag, tag + 4);
}

int bits_of(WavType type) {
  switch (type) {
    case WavType::kPcm16:
      return 16;
    case WavType::kPcm24:
      return 24;
    case WavType::kPcm32:
    case WavType::kFloat32:
      return 32;
  }
  throw InternalError("unknown WavType");
}

std::uint64_t data_bytes_of(std::uint64_t samples, int channels, WavType type) {
  const std::uint64_t bytes = samples * static_cast<std::uint64_t>(bits_of(type) / 8);
  MMI_CHECK(
      ConfigError,
      samples % static_cast<std::uint64_t>(channels) == 0 && bytes < 0xFFFFFF00ULL,
      "{} samples of {} channels do not fit a WAV file",
      samples,
      channels);
  return bytes;
}

void put_header(
    std::vector<std::uint8_t>& out,
    std::uint64_t data_bytes,
    int channels,
    int sample_rate_hz,
    WavType type) {
  const int bits = bits_of(type);
  const int block = channels * bits / 8;
  put(out, "RIFF");
  put(out, static_cast<std::uint32_t>(36 + data_bytes + (data_bytes & 1)), 4);
  put(out, "WAVE");
  put(out, "fmt ");
  put(out, 16, 4);
  put(out, type == WavType::kFloat32 ? kFloat : kPcm, 2);
  put(out, static_cast<std::uint32_t>(channels), 2);
  put(out, static_cast<std::uint32_t>(sample_rate_hz), 4);
  put(out, static_cast<std::uint32_t>(sample_rate_hz) * static_cast<std::uint32_t>(block), 4);
  put(out, static_cast<std::uint32_t>(block), 2);
  put(out, static_cast<std::uint32_t>(bits), 2);
  put(out, "data");
  put(out, static_cast<std::uint32_t>(data_bytes), 4);
}

/// `before`: samples that were put already, for the message.
void put_samples(
    std::vector<std::uint8_t>& out,
    std::span<const float> samples,
    WavType type,
    std::uint64_t before = 0) {
  const int bits = bits_of(type);
  const double scale = std::ldexp(1.0, bits - 1);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const float sample = samples[i];
    MMI_CHECK(
        NumericError,
        std::isfinite(sample),
        "WAV file: sample {} is {}, not finite",
        before + i,
        sample);
    if (type == WavType::kFloat32) {
      put(out, std::bit_cast<std::uint32_t>(sample), 4);
    } else {
      const double value = std::clamp(std::nearbyint(sample * scale), -scale, scale - 1);
      put(out, static_cast<std::uint32_t>(static_cast<std::int64_t>(value)), bits / 8);
    }
  }
}

std::vector<std::uint8_t> encode(
    std::span<const float> samples, int channels, int sample_rate_hz, WavType type) {
  check_audio_format("WAV file", channels, sample_rate_hz);
  const std::uint64_t data_bytes = data_bytes_of(samples.size(), channels, type);
  std::vector<std::uint8_t> out;
  out.reserve(data_bytes + 64);
  put_header(out, data_bytes, channels, sample_rate_hz, type);
  put_samples(out, samples, type);
  if (data_bytes & 1) {
    out.push_back(0);
  }
  return out;
}

}  // namespace

namespace {

class WavSource : public AudioSource {
 public:
  WavSource(Storage file, std::string name, const AudioReadOptions& options)
      : AudioSource(options),
        file_(std::move(file)),
        name_(std::move(name)),
        layout_(find_samples(file_, name_, options.on_error != OnError::kRaise)) {
    sample_rate_hz = layout_.format.sample_rate_hz;
    channels = layout_.format.channels;
    block_ = layout_.format.sample_bytes() * static_cast<std::size_t>(channels);
    present_ = static_cast<std::int64_t>(layout_.present / block_);
    announced = static_cast<std::int64_t>(layout_.announced / block_);
    if (present_ < announced) {
      damage.truncated = true;
      report(format(
          "{}: the file ends at {:.3f} s of {:.3f} s: it is truncated",
          name_,
          static_cast<double>(present_) / sample_rate_hz,
          static_cast<double>(announced) / sample_rate_hz));
      announced = std::min(announced, present_ + max_padding(sample_rate_hz, channels));
    }
    position_ = std::min(announced, first_sample());
  }

  void read(std::int64_t n, Audio& out) override {
    n = std::min(n, announced - position_);
    const std::int64_t here = std::clamp(present_ - position_, std::int64_t{0}, n);
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(here) * block_);
    file_.fetch(layout_.begin + static_cast<std::uint64_t>(position_) * block_, bytes);
    const std::size_t before = out.samples.size();
    out.samples.resize(before + static_cast<std::size_t>(here * channels));
    const std::uint8_t* from = bytes.data();
    for (std::size_t i = before; i < out.samples.size(); ++i) {
      out.samples[i] = decode(from, layout_.format.kind, layout_.format.bits);
      from += layout_.format.sample_bytes();
    }
    stand_in(n - here, out);
    position_ += n;
  }

 private:
  Storage file_;
  std::string name_;
  Layout layout_;
  std::size_t block_ = 1;
  std::int64_t present_ = 0;
  std::int64_t position_ = 0;
};

}  // namespace

std::unique_ptr<AudioSource> open_wav(
    const std::filesystem::path& path, const AudioReadOptions& options) {
  const std::shared_ptr<std::FILE> file(std::fopen(path.c_str(), "rb"), [](std::FILE* opened) {
    if (opened != nullptr) {
      std::fclose(opened);
    }
  });
  MMI_CHECK(DataError, file != nullptr, "{} cannot be opened: {}", path, std::strerror(errno));
  const auto fetch = [file, path](std::uint64_t offset, std::span<std::uint8_t> to) {
    MMI_CHECK(
        DataError,
        ::fseeko(file.get(), static_cast<off_t>(offset), SEEK_SET) == 0 &&
            std::fread(to.data(), 1, to.size(), file.get()) == to.size(),
        "{} cannot be read at byte {}: {}",
        path,
        offset,
        std::ferror(file.get()) ? std::strerror(errno) : "it became shorter meanwhile");
  };
  return std::make_unique<WavSource>(
      Storage{std::filesystem::file_size(path), fetch}, path.string(), options);
}

Audio parse_wav(
    std::span<const std::uint8_t> bytes, const std::string& name, const AudioReadOptions& options) {
  check_audio_range(name, options);
  const auto fetch = [bytes](std::uint64_t offset, std::span<std::uint8_t> to) {
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), to.size(), to.begin());
  };
  WavSource source(Storage{bytes.size(), fetch}, name, options);
  return read_at_once(source, name, options);
}

std::vector<std::uint8_t> encode_wav(const Audio& audio, WavType type) {
  return encode(audio.samples, audio.channels, audio.sample_rate_hz, type);
}

void write_wav(
    const std::filesystem::path& path,
    std::span<const float> samples,
    int channels,
    int sample_rate_hz,
    WavType type) {
  atomic_write(path, encode(samples, channels, sample_rate_hz, type));
}

void write_wav(const std::filesystem::path& path, const Audio& audio, WavType type) {
  write_wav(path, audio.samples, audio.channels, audio.sample_rate_hz, type);
}

WavWriter::WavWriter(
    const std::filesystem::path& path,
    std::int64_t length,
    int channels,
    int sample_rate_hz,
    WavType type)
    : file_(path), type_(type) {
  check_audio_format("WAV file", channels, sample_rate_hz);
  left_ = static_cast<std::uint64_t>(length) * static_cast<std::uint64_t>(channels);
  odd_ = (data_bytes_of(left_, channels, type) & 1) != 0;
  std::vector<std::uint8_t> header;
  put_header(header, data_bytes_of(left_, channels, type), channels, sample_rate_hz, type);
  file_.write(header);
}

void WavWriter::write(std::span<const float> samples) {
  MMI_CHECK(
      ConfigError,
      samples.size() <= left_,
      "a WAV file announces {} samples less than it is given",
      samples.size() - left_);
  std::vector<std::uint8_t> bytes;
  put_samples(bytes, samples, type_, written_);
  file_.write(bytes);
  left_ -= samples.size();
  written_ += samples.size();
}

void WavWriter::finish() {
  MMI_CHECK(
      ConfigError, left_ == 0, "a WAV file announces {} samples more than it is given", left_);
  if (odd_) {
    file_.write(std::string_view("\0", 1));
  }
  file_.commit();
}

}  // namespace mmi::io
