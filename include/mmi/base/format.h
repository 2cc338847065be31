#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mmi/base/api.h"

namespace mmi {

/// One argument of `format`. Type-erased, so that no header of libmmi includes a formatting library
/// (torch ships another version of fmt than the system's spdlog was built with).
class MMI_API FormatArg {
 public:
  using Value = std::variant<bool, std::int64_t, std::uint64_t, double, std::string>;

  template <class T>
    requires std::integral<T>
  FormatArg(T value) {
    if constexpr (std::same_as<T, bool>) {
      value_ = value;
    } else if constexpr (std::signed_integral<T>) {
      value_ = static_cast<std::int64_t>(value);
    } else {
      value_ = static_cast<std::uint64_t>(value);
    }
  }

  template <class T>
    requires std::floating_point<T>
  FormatArg(T value) : value_(static_cast<double>(value)) {}

  FormatArg(const char* text) : value_(std::string(text)) {}

  FormatArg(std::string_view text) : value_(std::string(text)) {}

  FormatArg(const std::string& text) : value_(text) {}

  FormatArg(const std::filesystem::path& path) : value_(path.string()) {}

  /// A shape, printed as [2, 5, 100].
  FormatArg(std::span<const std::int64_t> shape);

  FormatArg(const std::vector<std::int64_t>& shape)
      : FormatArg(std::span<const std::int64_t>(shape)) {}

  const Value& value() const {
    return value_;
  }

 private:
  Value value_;
};

MMI_API std::string vformat(std::string_view pattern, std::initializer_list<FormatArg> args);

/// `format("{} of {:.1f} s", 3, 2.5)`: the pattern language of std::format.
template <class... Args>
std::string format(std::string_view pattern, const Args&... args) {
  return vformat(pattern, {FormatArg(args)...});
}

}  // namespace mmi
