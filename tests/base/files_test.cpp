#include "mmi/base/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>

#include "mmi/base/errors.h"

namespace mmi {
namespace {

class Files : public testing::Test {
 protected:
  Files() {
    folder_ = std::filesystem::temp_directory_path() /
              format("mmi-files-{}", static_cast<std::int64_t>(::getpid()));
    std::filesystem::remove_all(folder_);
    mmi::create_directories(folder_);
  }

  ~Files() override {
    std::filesystem::remove_all(folder_);
  }

  std::size_t count() const {
    std::size_t n = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      n += entry.exists() ? 1 : 0;
    }
    return n;
  }

  std::string error_of(const std::function<void()>& action) {
    try {
      action();
    } catch (const DataError& error) {
      return error.what();
    }
    return "no DataError";
  }

  std::filesystem::path folder_;
};

TEST_F(Files, WhatIsWrittenIsRead) {
  const std::string text("a\0b\n", 4);
  atomic_write(folder_ / "x", text);
  EXPECT_EQ(read_text(folder_ / "x"), text);
  EXPECT_EQ(read_bytes(folder_ / "x"), (std::vector<std::uint8_t>{'a', 0, 'b', '\n'}));
  atomic_write(folder_ / "x", std::vector<std::uint8_t>{});
  EXPECT_TRUE(read_bytes(folder_ / "x").empty());
  EXPECT_EQ(count(), 1U);
}

TEST_F(Files, WithoutCommitTheOldFileStays) {
  atomic_write(folder_ / "x", std::string_view("old"));
  {
    AtomicFile file(folder_ / "x");
    file.write(std::string_view("new"));
    EXPECT_EQ(count(), 2U);
  }
  EXPECT_EQ(read_text(folder_ / "x"), "old");
  EXPECT_EQ(count(), 1U);
}

TEST_F(Files, PermissionsFollowTheUmask) {
  const auto mask = ::umask(022);
  atomic_write(folder_ / "x", std::string_view("x"));
  ::umask(mask);
  EXPECT_EQ(
      static_cast<int>(std::filesystem::status(folder_ / "x").permissions()),
      static_cast<int>(std::filesystem::perms(0644)));
}

TEST_F(Files, ErrorsNameThePathAndTheReason) {
  EXPECT_NE(
      error_of([&] { read_text(folder_ / "none"); }).find("none does not exist"),
      std::string::npos);
  EXPECT_NE(error_of([&] { read_text(folder_); }).find("is a directory"), std::string::npos);
  atomic_write(folder_ / "big", std::string(2000, 'x'));
  EXPECT_NE(
      error_of([&] { read_text(folder_ / "big", 1999); }).find("has 2.0 KiB, but at most 2.0 KiB"),
      std::string::npos);
  EXPECT_EQ(read_text(folder_ / "big", 2000).size(), 2000U);
  EXPECT_NE(
      error_of([&] {
        atomic_write(folder_ / "no" / "x", std::string_view("x"));
      }).find("cannot be written: No such file"),
      std::string::npos);
  EXPECT_NE(
      error_of([&] { mmi::create_directories(folder_ / "big" / "sub"); }).find("cannot be made"),
      std::string::npos);
}

TEST_F(Files, EndlessInputIsBounded) {
  EXPECT_NE(error_of([] { read_bytes("/dev/zero", 100000); }).find("more than"), std::string::npos);
}

TEST_F(Files, SizesForPeople) {
  EXPECT_EQ(human_size(0), "0 B");
  EXPECT_EQ(human_size(1023), "1023 B");
  EXPECT_EQ(human_size(1536), "1.5 KiB");
  EXPECT_EQ(human_size((1ULL << 20) - 1), "1.0 MiB");
  EXPECT_EQ(human_size(~0ULL), "16.0 EiB");
}

}  // namespace
}  // namespace mmi
