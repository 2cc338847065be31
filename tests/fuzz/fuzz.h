#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "mmi/base/errors.h"

// One parser fed with any bytes: a libFuzzer program (preset `fuzz`), and in every build a test
// that replays tests/fuzz/corpus/<name>/ (tests/io/corpus_test.cpp).
//   MMI_FUZZ(midi) { parse_midi(bytes, "fuzz"); }
namespace mmi::fuzz {

using Bytes = std::span<const std::uint8_t>;

inline std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Bad bytes may give any error of ours but the one that means a bug.
inline void run(void (*target)(Bytes), Bytes bytes) {
  try {
    target(bytes);
  } catch (const InternalError&) {
    throw;
  } catch (const Error&) {
  }
}

inline std::map<std::string, void (*)(Bytes)>& targets() {
  static std::map<std::string, void (*)(Bytes)> all;
  return all;
}

}  // namespace mmi::fuzz

#ifdef MMI_FUZZER
#define MMI_FUZZ_ENTRY(name)                                                          \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
    mmi::fuzz::run(fuzz_##name, {data, size});                                        \
    return 0;                                                                         \
  }
#else
#define MMI_FUZZ_ENTRY(name) \
  static const bool registered_##name = mmi::fuzz::targets().emplace(#name, fuzz_##name).second;
#endif

#define MMI_FUZZ(name)                       \
  static void fuzz_##name(mmi::fuzz::Bytes); \
  MMI_FUZZ_ENTRY(name)                       \
  static void fuzz_##name(mmi::fuzz::Bytes bytes)
