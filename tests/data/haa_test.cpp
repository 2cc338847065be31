#include "mmi/data/formats/haa.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <limits>
#include <numbers>
#include <set>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/base/rng.h"
#include "mmi/io/npy.h"
#include "mmi/tensor/array.h"

namespace mmi::data::formats {
namespace {

namespace fs = std::filesystem;

// ---- table and splits

TEST(HaaRooms, SplitsHaveThePublishedSizes) {
  // name, N, xRIR's test, HAA's validation and test
  const std::tuple<const char*, std::size_t, std::size_t, std::size_t, std::size_t> sizes[] = {
      {"classroom", 630, 309, 155, 463},
      {"dampened", 276, 132, 66, 198},
      {"hallway", 576, 282, 141, 423},
      {"complex", 408, 198, 198, 198}};
  for (const auto& [name, count, xrir_test, valid, test] : sizes) {
    const HaaRoom& room = haa_room(name);
    EXPECT_EQ(room.count, static_cast<std::int64_t>(count)) << name;
    EXPECT_EQ(haa_split(room, HaaSplit::kTrain).size(), 12U) << name;
    EXPECT_EQ(haa_split(room, HaaSplit::kXrirTest).size(), xrir_test) << name;
    EXPECT_EQ(haa_split(room, HaaSplit::kHaaValid).size(), valid) << name;
    EXPECT_EQ(haa_split(room, HaaSplit::kHaaTest).size(), test) << name;
    EXPECT_EQ(12 + valid + test, count) << name;
  }
}

TEST(HaaRooms, SplitsDoNotOverlap) {
  for (const HaaRoom& room : haa_rooms()) {
    std::set<std::int64_t> seen;
    for (const HaaSplit split : {HaaSplit::kTrain, HaaSplit::kHaaValid, HaaSplit::kHaaTest}) {
      for (const std::int64_t index : haa_split(room, split)) {
        EXPECT_TRUE(seen.insert(index).second) << room.name << " " << index;
      }
    }
    EXPECT_EQ(static_cast<std::int64_t>(seen.size()), room.count);
    EXPECT_EQ(*seen.rbegin(), room.count - 1);
    const std::set<std::int64_t> train(room.train.begin(), room.train.end());
    for (const std::int64_t index : haa_split(room, HaaSplit::kXrirTest)) {
      EXPECT_TRUE(index % 2 == 1 && !train.contains(index));
    }
  }
  // The first odd ones of the hallway are 1, 3, (5 is training) 7, 9: every second of them.
  const auto valid = haa_split(haa_room("hallway"), HaaSplit::kHaaValid);
  EXPECT_EQ(
      std::vector<std::int64_t>(valid.begin(), valid.begin() + 3),
      (std::vector<std::int64_t>{1, 7, 11}));
  const auto all = haa_split(haa_room("complex"), HaaSplit::kHaaValid);
  EXPECT_EQ(
      std::vector<std::int64_t>(all.begin(), all.begin() + 4),
      (std::vector<std::int64_t>{0, 2, 4, 7}));
}

TEST(HaaRooms, ARoomOfTheSameKindHasItsOwnCount) {
  HaaRoom room = haa_room("dampened");
  room.count = 40;
  EXPECT_THROW(haa_split(room, HaaSplit::kTrain), ConfigError);
  room.train = {0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33};
  EXPECT_EQ(haa_split(room, HaaSplit::kXrirTest).size(), 14U);
  EXPECT_THROW(haa_room("kitchen"), ConfigError);
}

// ---- planes

/// Distance along a ray of unit length to the nearest plane; infinite when there is none.
double cast(const std::vector<HaaPlane>& planes, const Point3& from, const Point3& along) {
  double nearest = std::numeric_limits<double>::infinity();
  for (const HaaPlane& plane : planes) {
    const bool triangle = plane.corners.size() == 3;
    const Point3& origin = plane.corners[0];
    Point3 a{};
    Point3 b{};
    Point3 to{};
    for (std::size_t i = 0; i < 3; ++i) {
      a[i] = plane.corners[1][i] - origin[i];
      b[i] = plane.corners[triangle ? 2 : 3][i] - origin[i];
      to[i] = from[i] - origin[i];
    }
    const auto cross = [](const Point3& u, const Point3& v) {
      return Point3{
          u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]};
    };
    const auto dot = [](const Point3& u, const Point3& v) {
      return u[0] * v[0] + u[1] * v[1] + u[2] * v[2];
    };
    // Möller-Trumbore.
    const Point3 p = cross(along, b);
    const double determinant = dot(a, p);
    if (std::abs(determinant) < 1e-12) {
      continue;
    }
    const double u = dot(to, p) / determinant;
    const Point3 q = cross(to, a);
    const double v = dot(along, q) / determinant;
    const double t = dot(b, q) / determinant;
    const double slack = 1e-9;
    const bool inside = u >= -slack && v >= -slack &&
                        (triangle ? u + v <= 1 + slack : u <= 1 + slack && v <= 1 + slack);
    if (inside && t > 1e-9) {
      nearest = std::min(nearest, t);
    }
  }
  return nearest;
}

/// A pixel of the depth maps that xRIR ships for these rooms, at the loudspeaker.
double shipped_depth(const std::string& room, int row, int column) {
  const double theta = 2 * std::numbers::pi * column / 512 - std::numbers::pi;
  const double phi = (row + 1) * std::numbers::pi / 256 - std::numbers::pi / 2;
  return cast(
      haa_planes(room),
      haa_room(room).speaker,
      {std::cos(phi) * std::cos(theta), std::cos(phi) * std::sin(theta), -std::sin(phi)});
}

TEST(HaaPlanes, GiveTheDepthMapsThatXrirShips) {
  const std::tuple<const char*, int, int, double> pixels[] = {
      {"classroom", 0, 0, 1.51391},
      {"classroom", 63, 128, 2.14084},
      {"classroom", 127, 0, 3.58380},
      {"classroom", 127, 256, 3.54090},
      {"classroom", 160, 300, 3.12037},
      {"classroom", 200, 100, 0.64748},
      {"classroom", 200, 256, 0.63899},
      {"classroom", 255, 0, 0.50383},
      {"hallway", 0, 0, 2.21987},
      {"hallway", 127, 128, 10.24520},
      {"hallway", 127, 384, 7.85280},
      {"hallway", 200, 256, 0.68743}};
  for (const auto& [room, row, column, metres] : pixels) {
    EXPECT_NEAR(shipped_depth(room, row, column), metres, 1e-4) << room << row << "," << column;
  }
}

std::int64_t lost_rays(const std::string& room, bool parity, const Point3& from) {
  Rng rng(1);
  const std::vector<HaaPlane> planes = haa_planes(room, parity);
  std::int64_t lost = 0;
  for (int i = 0; i < 40'000; ++i) {
    Point3 along{rng.normal(), rng.normal(), rng.normal()};
    const double norm = std::hypot(along[0], along[1], along[2]);
    for (double& value : along) {
      value /= norm;
    }
    lost += std::isfinite(cast(planes, from, along)) ? 0 : 1;
  }
  return lost;
}

TEST(HaaPlanes, LetNoRayOut) {
  for (const HaaRoom& room : haa_rooms()) {
    EXPECT_EQ(lost_rays(room.name, false, room.speaker), 0) << room.name;
  }
  const Point3 near_the_slit{7.5, 11.5, 2.99};
  EXPECT_EQ(lost_rays("complex", false, near_the_slit), 0);
  EXPECT_GT(lost_rays("complex", true, near_the_slit), 0);
}

TEST(HaaPlanes, AreFlatAndInsideTheRoom) {
  for (const HaaRoom& room : haa_rooms()) {
    std::set<std::string> names;
    for (const bool parity : {false, true}) {
      for (const HaaPlane& plane : haa_planes(room.name, parity)) {
        names.insert(plane.name);
        EXPECT_TRUE(plane.corners.size() == 3 || plane.corners.size() == 4);
        for (const Point3& corner : plane.corners) {
          for (std::size_t i = 0; i < 3; ++i) {
            EXPECT_GE(corner[i], 0) << plane.name;
            EXPECT_LE(corner[i], room.size[i] + 1e-9) << plane.name;
          }
        }
      }
    }
    const std::size_t expected = room.name == "complex" ? 34 : room.name == "classroom" ? 9 : 6;
    EXPECT_EQ(names.size(), expected) << room.name;
  }
  EXPECT_EQ(haa_planes("complex", true).size(), 33U);
}

TEST(HaaPlanes, ParityKeepsTheLeaningPillar) {
  const auto foot_and_top = [](bool parity) {
    for (const HaaPlane& plane : haa_planes("complex", parity)) {
      if (plane.name == "pillar_2_y_min") {
        return std::pair(plane.corners[0], plane.corners[1]);
      }
    }
    return std::pair(Point3{}, Point3{});
  };
  EXPECT_EQ(foot_and_top(false).first, (Point3{4.004, 7.178, 0}));
  EXPECT_EQ(foot_and_top(false).second, (Point3{4.004, 7.178, 3.055}));
  EXPECT_NEAR(foot_and_top(true).first[1], 5.137, 1e-12);
  EXPECT_NEAR(foot_and_top(true).second[1], 7.178, 1e-12);
}

// ---- files

class Haa : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(::testing::TempDir()) /
            format(
                "haa_{}_{}",
                ::testing::UnitTest::GetInstance()->current_test_info()->name(),
                static_cast<std::int64_t>(::getpid()));
    fs::remove_all(root_);
    fs::create_directories(root_);
  }

  void TearDown() override {
    fs::remove_all(root_);
  }

  std::string error_of(const std::function<void()>& action) const {
    try {
      action();
    } catch (const DataError& error) {
      return error.what();
    }
    return "no error";
  }

  fs::path root_;
};

torch::Tensor ramp(std::int64_t rows, std::int64_t columns) {
  return (torch::arange(rows * columns).reshape({rows, columns}) - 40).to(torch::kFloat) / 64;
}

std::vector<float> row(const torch::Tensor& values, std::int64_t index, std::int64_t count) {
  const torch::Tensor one = values[index].slice(0, 0, count).contiguous();
  return {one.const_data_ptr<float>(), one.const_data_ptr<float>() + one.numel()};
}

TEST_F(Haa, GivesBackRirsRowByRow) {
  const torch::Tensor rirs = ramp(5, 70);
  const torch::Tensor positions = torch::arange(15).reshape({5, 3}).to(torch::kDouble) / 3;
  write_haa_folder(root_, rirs, positions);
  write_haa_array(root_, "music_dls", ramp(2, 9));
  const HaaFolder folder(root_);
  EXPECT_EQ(folder.count(), 5);
  EXPECT_EQ(folder.length(), 70);
  for (std::int64_t i = 0; i < 5; ++i) {
    const io::Audio rir = folder.rir(i);
    EXPECT_EQ(rir.samples, row(rirs, i, 70)) << i;
    EXPECT_EQ(rir.sample_rate_hz, 48'000);
    EXPECT_EQ(rir.channels, 1);
    EXPECT_EQ(folder.rir(i, 7).samples, row(rirs, i, 7)) << i;
  }
  EXPECT_TRUE(torch::equal(folder.positions(), positions));
  EXPECT_TRUE(torch::equal(folder.array("mic_numbers"), torch::arange(5)));
  EXPECT_TRUE(torch::equal(folder.array("music_dls"), ramp(2, 9)));
  EXPECT_TRUE(folder.has("music_dls"));
  EXPECT_FALSE(folder.has("music"));
  // What NumPy would have written.
  EXPECT_EQ(read_bytes(root_ / "RIRs.npy"), io::encode_npy(to_array(rirs)));
}

TEST_F(Haa, ReadsOtherTypesAndByteOrders) {
  write_haa_folder(root_, ramp(3, 4), torch::zeros({3, 3}));
  for (const auto type : {torch::kDouble, torch::kHalf, torch::kInt, torch::kShort}) {
    const torch::Tensor values = ramp(3, 4).mul(64).to(type);
    write_haa_array(root_, "RIRs", values);
    EXPECT_EQ(HaaFolder(root_).rir(2).samples, row(values.to(torch::kFloat), 2, 4));
  }
  std::vector<std::uint8_t> bytes = io::encode_npy(to_array(ramp(3, 4)));
  std::replace(bytes.begin(), bytes.begin() + 40, std::uint8_t{'<'}, std::uint8_t{'>'});
  for (std::size_t i = bytes.size() - 48; i < bytes.size(); i += 4) {
    std::reverse(
        bytes.begin() + static_cast<std::ptrdiff_t>(i),
        bytes.begin() + static_cast<std::ptrdiff_t>(i) + 4);
  }
  atomic_write(root_ / "RIRs.npy", bytes);
  EXPECT_EQ(HaaFolder(root_).rir(1).samples, row(ramp(3, 4), 1, 4));
}

TEST_F(Haa, PeakIsThatOfTheTrainingRirs) {
  torch::Tensor rirs = torch::zeros({20, 50});
  rirs[3][9] = -0.5;
  rirs[4][2] = 0.25;
  rirs[4][40] = 2;
  rirs[19][0] = 100;
  write_haa_folder(root_, rirs, torch::zeros({20, 3}));
  const HaaFolder folder(root_);
  EXPECT_EQ(folder.peak({3, 4}), 2);
  EXPECT_EQ(folder.peak({3, 4}, 30), 0.5);
  EXPECT_NE(error_of([&] { folder.peak({1, 2}); }).find("2 RIRs is 0"), std::string::npos);
}

TEST_F(Haa, FindsTheBaseSetup) {
  EXPECT_NE(
      error_of([&] { haa_folder(root_, "complex"); }).find("has no RIRs.npy"), std::string::npos);
  for (const char* name : {".", "complex", "Complex/complexBase", "complexBase"}) {
    write_haa_folder(root_ / name, ramp(2, 3), torch::zeros({2, 3}));
    EXPECT_TRUE(fs::equivalent(haa_folder(root_, "complex"), root_ / name)) << name;
  }
}

TEST_F(Haa, SaysWhatIsWrong) {
  const auto expect = [&](const std::function<void()>& action, const std::string& part) {
    const std::string error = error_of(action);
    EXPECT_NE(error.find(part), std::string::npos) << error;
  };
  expect([&] { HaaFolder{root_}; }, "RIRs.npy: cannot be opened");
  write_haa_folder(root_, ramp(3, 4), torch::zeros({3, 3}));
  const HaaFolder folder(root_);
  expect([&] { folder.rir(3); }, "has no RIR 3, only 0..2");
  expect([&] { folder.array("music"); }, "music.npy");
  write_haa_array(root_, "xyzs", torch::zeros({2, 3}));
  expect([&] { folder.positions(); }, "must be (3, 3) like RIRs.npy");
  write_haa_array(root_, "RIRs", ramp(3, 4).flatten());
  expect([&] { HaaFolder{root_}; }, "must be an (N, T) array");
  EXPECT_THROW(write_haa_folder(root_, ramp(3, 4), torch::zeros({2, 3})), ShapeError);
  write_haa_array(root_, "RIRs", ramp(3, 4));
  const std::vector<std::uint8_t> good = read_bytes(root_ / "RIRs.npy");
  std::string text(good.begin(), good.end());
  atomic_write(root_ / "RIRs.npy", text.substr(0, text.size() - 1));
  expect([&] { HaaFolder{root_}; }, "needs 176 bytes, but the file has 175");
  // A file that shrinks after it was opened.
  expect([&] { folder.rir(2); }, "truncated");
  atomic_write(root_ / "RIRs.npy", text.substr(0, 8));
  expect([&] { HaaFolder{root_}; }, "truncated");
  atomic_write(root_ / "RIRs.npy", "x" + text);
  expect([&] { HaaFolder{root_}; }, "not a NumPy array");
  std::string fortran = text;
  fortran.replace(fortran.find("False"), 5, "True ");
  atomic_write(root_ / "RIRs.npy", fortran);
  expect([&] { HaaFolder{root_}; }, "C order");
}

TEST_F(Haa, DamagedHeadersGiveErrorsOnly) {
  write_haa_folder(root_, ramp(3, 4), torch::zeros({3, 3}));
  const std::vector<std::uint8_t> good = read_bytes(root_ / "RIRs.npy");
  Rng rng(2);
  int failed = 0;
  for (int i = 0; i < 300; ++i) {
    std::vector<std::uint8_t> bytes = good;
    bytes[static_cast<std::size_t>(rng.integer(128))] = static_cast<std::uint8_t>(rng.integer(256));
    fs::remove(root_ / "RIRs.npy");
    std::ofstream(root_ / "RIRs.npy", std::ios::binary)
        .write(
            reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
    try {
      const HaaFolder folder(root_);
      folder.rir(folder.count() - 1);
    } catch (const DataError&) {
      ++failed;
    }
  }
  EXPECT_GT(failed, 90);
  EXPECT_LT(failed, 300);
}

}  // namespace
}  // namespace mmi::data::formats
