#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/io/dtype.h"

namespace mmi::io {

struct NpyLimits {
  std::uint64_t max_bytes = 4ULL << 30;  ///< of one array, and of all arrays of one archive
  std::size_t max_entries = 100'000;
};

/// NumPy's `.npy`, versions 1 to 3: bool, int8 to int64, uint8, float16, float32, float64, either
/// byte order. Fortran order is turned into row-major. Object arrays (pickles), structures and
/// strings are refused. Errors are `DataError` with `name` or the path.
MMI_API Array parse_npy(
    std::span<const std::uint8_t> bytes, const std::string& name, const NpyLimits& limits = {});
MMI_API Array read_npy(const std::filesystem::path& path, const NpyLimits& limits = {});

/// Version 1.0; BF16 is a `ConfigError`, since NumPy has no such type.
MMI_API std::vector<std::uint8_t> encode_npy(const Array& array);
MMI_API void write_npy(const std::filesystem::path& path, const Array& array);

/// NumPy's `.npz`: a zip of `.npy`, stored or deflated; keys without ".npy". Checks every CRC. A
/// member above 64 MiB must not unpack to more than 200 times its packed size.
MMI_API std::map<std::string, Array> parse_npz(
    std::span<const std::uint8_t> bytes, const std::string& name, const NpyLimits& limits = {});
MMI_API std::map<std::string, Array> read_npz(
    const std::filesystem::path& path, const NpyLimits& limits = {});

/// One key only; the others are not unpacked.
MMI_API Array read_npz_key(
    const std::filesystem::path& path, const std::string& key, const NpyLimits& limits = {});

/// Atomic; the same arrays give the same bytes (no time stamps).
MMI_API void write_npz(
    const std::filesystem::path& path,
    const std::map<std::string, Array>& arrays,
    bool compressed = true);

}  // namespace mmi::io
