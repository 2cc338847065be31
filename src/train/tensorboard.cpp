#include "train/tensorboard.h"

#include <array>
#include <bit>
#include <cstring>

namespace mmi::train {
namespace {

/// CRC-32C (Castagnoli), as TFRecord files use it.
std::uint32_t crc32c(std::string_view bytes) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> made{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) {
        value = (value >> 1) ^ ((value & 1) != 0 ? 0x82F63B78U : 0);
      }
      made[i] = value;
    }
    return made;
  }();
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : bytes) {
    crc = (crc >> 8) ^ table[(crc ^ static_cast<std::uint8_t>(c)) & 0xFFU];
  }
  return ~crc;
}

template <class T>
std::string raw(T value) {
  static_assert(std::endian::native == std::endian::little);
  std::string text(sizeof value, '\0');
  std::memcpy(text.data(), &value, sizeof value);
  return text;
}

std::string varint(std::uint64_t value) {
  std::string text;
  for (; value >= 0x80; value >>= 7) {
    text += static_cast<char>(value | 0x80);
  }
  return text + static_cast<char>(value);
}

enum class Wire { kVarint = 0, kDouble = 1, kBytes = 2, kFloat = 5 };

std::string key(int field, Wire wire) {
  return varint(static_cast<std::uint64_t>(field) << 3 | static_cast<std::uint64_t>(wire));
}

std::string bytes_field(int field, const std::string& bytes) {
  return key(field, Wire::kBytes) + varint(bytes.size()) + bytes;
}

std::string record(const std::string& event) {
  const auto masked = [](std::string_view bytes) {
    return std::rotr(crc32c(bytes), 15) + 0xA282EAD8U;
  };
  const std::string length = raw(static_cast<std::uint64_t>(event.size()));
  return length + raw(masked(length)) + event + raw(masked(event));
}

}  // namespace

std::string tensorboard_header(double wall_time) {
  return record(key(1, Wire::kDouble) + raw(wall_time) + bytes_field(3, "brain.Event:2"));
}

std::string tensorboard_scalars(
    double wall_time,
    std::int64_t step,
    const std::vector<std::pair<std::string, double>>& scalars) {
  std::string summary;
  for (const auto& [tag, value] : scalars) {
    summary +=
        bytes_field(1, bytes_field(1, tag) + key(2, Wire::kFloat) + raw(static_cast<float>(value)));
  }
  return record(
      key(1, Wire::kDouble) + raw(wall_time) + key(2, Wire::kVarint) +
      varint(static_cast<std::uint64_t>(step)) + bytes_field(5, summary));
}

}  // namespace mmi::train
