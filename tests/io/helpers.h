#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "mmi/base/errors.h"
#include "mmi/base/format.h"

namespace mmi::test {

inline std::filesystem::path data(const std::string& name) {
  return std::filesystem::path(MMI_TEST_DATA) / "io" / name;
}

/// A directory of its own for each test, removed afterwards.
class InFolder : public testing::Test {
 protected:
  InFolder() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() / mmi::format(
                                                           "mmi-{}-{}-{}",
                                                           info->test_suite_name(),
                                                           info->name(),
                                                           static_cast<std::int64_t>(::getpid()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }

  ~InFolder() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::filesystem::path file(const std::string& name) const {
    return folder_ / name;
  }

  std::size_t files_in_folder() const {
    std::size_t n = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      n += entry.exists() ? 1 : 0;
    }
    return n;
  }

  std::filesystem::path folder_;
};

template <class T>
std::vector<T> values(std::span<const std::uint8_t> bytes) {
  std::vector<T> out(bytes.size() / sizeof(T));
  if (!out.empty()) {
    std::memcpy(out.data(), bytes.data(), out.size() * sizeof(T));
  }
  return out;
}

template <class T>
std::vector<std::uint8_t> bytes_of(const std::vector<T>& items) {
  std::vector<std::uint8_t> out(items.size() * sizeof(T));
  if (!out.empty()) {
    std::memcpy(out.data(), items.data(), out.size());
  }
  return out;
}

}  // namespace mmi::test

/// The statement throws exactly `Type`, and the text contains `part`.
#define EXPECT_ERROR(statement, Type, part)                                                   \
  do {                                                                                        \
    try {                                                                                     \
      statement;                                                                              \
      ADD_FAILURE() << "nothing was thrown, expected " #Type;                                 \
    } catch (const ::mmi::Error& error) {                                                     \
      EXPECT_TRUE(typeid(error) == typeid(::mmi::Type)) << "another class: " << error.what(); \
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();     \
    }                                                                                         \
  } while (false)
