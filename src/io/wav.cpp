#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>

#include "io/audio_limits.h"
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

/// The chunks 'fmt ' and 'data'; others are skipped.
std::pair<Format, Bytes> find_chunks(Bytes file, const std::string& name) {
  MMI_CHECK(
      DataError,
      file.size() >= 12 && is(file, 0, "RIFF") && is(file, 8, "WAVE"),
      "{} is not a WAV file: it does not begin with 'RIFF....WAVE'",
      name);
  Format format_found;
  std::size_t position = 12;
  while (file.size() - position >= 8) {
    const bool is_data = is(file, position, "data");
    std::uint64_t size = little(file, position + 4, 4);
    const std::size_t left = file.size() - position - 8;
    // A writer that could not seek back leaves this mark: the data lasts to the end.
    if (is_data && size == 0xFFFFFFFFU) {
      size = left;
    }
    MMI_CHECK(
        DataError,
        size <= left,
        "{}: the chunk at byte {} should have {} bytes, but the file ends after {}: it is "
        "truncated",
        name,
        position,
        size,
        left);
    const Bytes chunk = file.subspan(position + 8, size);
    if (is(file, position, "fmt ")) {
      format_found = parse_format(chunk, name);
    } else if (is_data) {
      MMI_CHECK(
          DataError, format_found.kind != 0, "{}: no 'fmt ' chunk before the data chunk", name);
      return {format_found, chunk};
    }
    // Chunks begin at even offsets.
    position += 8 + size + (size & 1);
    if (position > file.size()) {
      break;
    }
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

std::vector<std::uint8_t> encode(
    std::span<const float> samples, int channels, int sample_rate_hz, WavType type) {
  check_audio_format("WAV file", channels, sample_rate_hz);
  const int bits = bits_of(type);
  const std::uint64_t data_bytes = samples.size() * static_cast<std::uint64_t>(bits / 8);
  MMI_CHECK(
      ConfigError,
      samples.size() % static_cast<std::size_t>(channels) == 0 && data_bytes < 0xFFFFFF00ULL,
      "{} samples of {} channels do not fit a WAV file",
      samples.size(),
      channels);
  const int block = channels * bits / 8;
  std::vector<std::uint8_t> out;
  out.reserve(data_bytes + 64);
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
  const double scale = std::ldexp(1.0, bits - 1);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const float sample = samples[i];
    MMI_CHECK(
        NumericError, std::isfinite(sample), "WAV file: sample {} is {}, not finite", i, sample);
    if (type == WavType::kFloat32) {
      put(out, std::bit_cast<std::uint32_t>(sample), 4);
    } else {
      const double value = std::clamp(std::nearbyint(sample * scale), -scale, scale - 1);
      put(out, static_cast<std::uint32_t>(static_cast<std::int64_t>(value)), bits / 8);
    }
  }
  if (data_bytes & 1) {
    out.push_back(0);
  }
  return out;
}

}  // namespace

Audio parse_wav(
    std::span<const std::uint8_t> bytes, const std::string& name, const AudioReadOptions& options) {
  const auto [found, data] = find_chunks(bytes, name);
  const std::size_t block = found.sample_bytes() * static_cast<std::size_t>(found.channels);
  const auto length = static_cast<std::int64_t>(data.size() / block);
  const auto [begin, end] =
      audio_range(name, options, length, found.sample_rate_hz, found.channels);
  Audio audio{found.sample_rate_hz, found.channels, {}};
  audio.samples.resize(static_cast<std::size_t>(end - begin) * found.channels);
  const std::uint8_t* from = data.data() + static_cast<std::size_t>(begin) * block;
  for (float& sample : audio.samples) {
    sample = decode(from, found.kind, found.bits);
    from += found.sample_bytes();
  }
  return audio;
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

}  // namespace mmi::io
