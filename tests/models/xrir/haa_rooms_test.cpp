#include "models/xrir/haa_rooms.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <numbers>

#include "mmi/base/errors.h"
#include "mmi/data/formats/haa.h"
#include "mmi/models/xrir/diff_rir_task.h"
#include "mmi/worlds/rooms/depth.h"
#include "registered.h"

namespace mmi::models::xrir {
namespace {

namespace fs = std::filesystem;

using data::formats::haa_room;
using data::formats::haa_split;
using data::formats::HaaSplit;

constexpr RirRooms::BuildArgs kArgs{.height = 16, .width = 32, .samples = 2400};
constexpr std::int64_t kLength = 9000;  // at 48 kHz

/// A folder in the published layout for each test.
class HaaRoomsTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    root_ = fs::temp_directory_path() /
            (std::string("mmi_haa_rooms_") + info->name() + "_" + std::to_string(getpid()));
    fs::remove_all(root_);
    fs::create_directories(root_);
  }

  void TearDown() override {
    fs::remove_all(root_);
  }

  // Microphones somewhere in the room; RIR i is a sine of 400 + i Hz, (1 + i / 1000) / 4 high.
  void write(const std::string& name, const std::string& folder) const {
    const auto& room = haa_room(name);
    const auto i = torch::arange(room.count).to(torch::kFloat64).unsqueeze(1);
    const auto t = torch::arange(kLength).to(torch::kFloat64) / 48000;
    const auto rirs = (0.25 + i / 4000) * torch::sin(2 * std::numbers::pi * (400 + i) * t);
    torch::manual_seed(1);
    const auto size = torch::tensor({room.size[0], room.size[1], 2.0}, torch::kFloat64);
    const auto places = (0.05 + 0.9 * torch::rand({room.count, 3}, torch::kFloat64)) * size;
    data::formats::write_haa_folder(root_ / folder, rirs, places);
  }

  std::shared_ptr<RirRooms> open(const std::string& room, TrainOn train_on = TrainOn::kRoom) const {
    register_xrir_once();
    auto config = std::make_shared<HaaRoomsConfig>();
    config->root = root_.string();
    config->room = room;
    config->train_on = train_on;
    return Registry<RirRooms>::get().create(config::Component<RirRooms>{"haa", config}, kArgs);
  }

  std::string error_of(const std::string& room) const {
    try {
      open(room)->split("test");
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  fs::path root_;
};

TEST_F(HaaRoomsTest, TwelveAreKnownAndThePublishedTestIsAskedAbout) {
  write("dampened", "dampenedBase");
  const auto rooms = open("dampened");
  ASSERT_EQ(rooms->split("test").size(), 1U);
  const ReceiverSet& set = rooms->split("test").front();
  EXPECT_EQ(set.room, "dampened");
  EXPECT_EQ(set.sources.sizes().vec(), (std::vector<std::int64_t>{12 + 132, 3}));
  EXPECT_EQ(set.responses.sizes().vec(), (std::vector<std::int64_t>{12 + 132, kArgs.samples}));
  EXPECT_EQ(known_sources(set).size(), 12U);

  const auto& room = haa_room("dampened");
  const data::formats::HaaFolder folder(root_ / "dampenedBase");
  std::vector<std::int64_t> rows = haa_split(room, HaaSplit::kTrain);
  for (const std::int64_t row : haa_split(room, HaaSplit::kXrirTest)) {
    rows.push_back(row);
  }
  const auto speaker = torch::tensor({room.speaker[0], room.speaker[1], room.speaker[2]});
  const auto places = folder.positions().to(torch::kFloat32).index_select(0, torch::tensor(rows));
  EXPECT_TRUE(torch::allclose(set.sources + speaker, places, 0, 1e-5));

  // The same sines at 22,050 Hz, divided by the largest of the twelve: number 253.
  const auto n = torch::arange(kArgs.samples).to(torch::kFloat64) / 22050;
  for (const std::int64_t row : {0, 11, 12, 143}) {
    const auto i = static_cast<double>(rows[static_cast<std::size_t>(row)]);
    const auto wanted = (1 + i / 1000) / 1.253 * torch::sin(2 * std::numbers::pi * (400 + i) * n);
    const auto error = (set.responses[row] - wanted).abs();
    EXPECT_LT(error.narrow(0, 100, 2200).max().item<double>(), 1e-4) << row;
  }
  EXPECT_TRUE(rooms->split("seen").empty());
  EXPECT_THROW(rooms->split("training"), DataError);
  EXPECT_EQ(rooms->measured().samples, kArgs.samples);
  EXPECT_EQ(rooms->measured().t60_db, 30);

  const ReceiverSet& train = rooms->split("train").front();
  EXPECT_FALSE(train.known.defined());
  EXPECT_TRUE(torch::equal(train.responses, set.responses.narrow(0, 0, 12)));
  EXPECT_TRUE(torch::equal(train.sources, set.sources.narrow(0, 0, 12)));
}

TEST_F(HaaRoomsTest, ShortResponsesEndInSilence) {
  write("dampened", "dampened");
  register_xrir_once();
  auto config = std::make_shared<HaaRoomsConfig>();
  config->root = root_.string();
  config->room = "dampened";
  const auto rooms = Registry<RirRooms>::get().create(
      config::Component<RirRooms>{"haa", config}, {.height = 4, .width = 8, .samples = 9600});
  const auto& responses = rooms->split("test").front().responses;
  EXPECT_EQ(responses.size(1), 9600);
  EXPECT_GT(responses.narrow(1, 4000, 100).abs().max().item<double>(), 0.1);
  EXPECT_EQ(responses.narrow(1, 4400, 5200).abs().max().item<double>(), 0);
}

TEST_F(HaaRoomsTest, TrainsOnTheRoomOrOnThree) {
  write("classroom", "Classroom/classroomBase");
  write("dampened", "dampenedBase");
  write("hallway", "hallwayBase");
  write("complex", "complex");
  const auto three = open("dampened", TrainOn::kThree);
  std::vector<std::string> names;
  for (const ReceiverSet& set : three->split("valid")) {
    EXPECT_EQ(set.responses.size(0), 12);
    names.push_back(set.room);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"classroom", "hallway", "complex"}));
  EXPECT_EQ(three->split("test").front().room, "dampened");
  EXPECT_NE(three->fingerprint(), open("dampened")->fingerprint());
}

TEST_F(HaaRoomsTest, DepthIsOfThePublishedPlanesAndPlaceIsSolid) {
  write("hallway", "hallwayBase");
  const auto rooms = open("hallway");
  const ReceiverSet& set = rooms->split("test").front();
  const auto& room = haa_room("hallway");
  const worlds::rooms::Vec3 speaker{room.speaker[0], room.speaker[1], room.speaker[2]};
  const auto box = worlds::rooms::Scene::shoebox(
      {room.size[0], room.size[1], room.size[2]}, worlds::rooms::Material::flat(0.1));
  const auto depth = worlds::rooms::DepthRenderer(box).depth(speaker, kArgs.height, kArgs.width);
  EXPECT_TRUE(torch::allclose(set.depth, depth, 0, 1e-4));
  const RirRooms::Place place = rooms->place(set);
  EXPECT_TRUE(place.scene.contains(place.receiver));
  EXPECT_TRUE(place.scene.check().watertight);
  EXPECT_NEAR(norm(place.receiver - speaker), 0, 1e-12);
}

TEST_F(HaaRoomsTest, DiffRirKnowsTheGeometry) {
  write("hallway", "hallwayBase");
  register_xrir_once();
  auto config = std::make_shared<HaaRoomsConfig>();
  config->root = root_.string();
  config->room = "hallway";
  DiffRirTaskConfig task;
  task.rooms = {"haa", config};
  task.model.order = 1;
  task.model.sequence_rays = 500;
  task.samples = 2400;
  DiffRirTask made(task, {.seed = 1, .parents = {}});
  EXPECT_EQ(made.predict().sizes().vec(), (std::vector<std::int64_t>{12 + 282, 2400}));
}

TEST_F(HaaRoomsTest, FaultsOfAFolderAreOneSentence) {
  const auto has = [&](const std::string& room, const std::string& part) {
    const std::string error = error_of(room);
    EXPECT_NE(error.find(part), std::string::npos) << error;
  };
  has("hallway", "has no RIRs.npy");
  has("kitchen", "\"kitchen\" is no room of Hearing Anything Anywhere");
  write("dampened", "hallwayBase");
  has("hallway", "has 576 RIRs, but there are 276: is it another setup?");
  const auto& room = haa_room("dampened");
  auto rirs = torch::full({room.count, 100}, 0.5);
  rirs[1][7] = std::numeric_limits<double>::quiet_NaN();
  data::formats::write_haa_folder(root_ / "dampenedBase", rirs, torch::ones({room.count, 3}));
  has("dampened", "have samples that are no numbers");
  root_ /= "nothing";
  has("hallway", "nothing is not a folder; it must hold classroomBase");
}

}  // namespace
}  // namespace mmi::models::xrir
