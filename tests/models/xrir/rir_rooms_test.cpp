#include "mmi/models/xrir/rir_rooms.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "mmi/base/errors.h"
#include "mmi/worlds/rooms/export.h"
#include "models/xrir/folder_rooms.h"
#include "models/xrir/measured_rooms.h"
#include "models/xrir/one_room.h"
#include "models/xrir/world_rooms.h"
#include "registered.h"

namespace mmi::models::xrir {
namespace {

constexpr RirRooms::BuildArgs kArgs{.height = 16, .width = 32, .samples = 2000};

/// A folder of its own for each test.
class RirRoomsTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    root_ = std::filesystem::temp_directory_path() /
            (std::string("mmi_rir_rooms_") + info->name() + "_" + std::to_string(getpid()));
    std::filesystem::remove_all(root_);
  }

  void TearDown() override {
    std::filesystem::remove_all(root_);
  }

  std::shared_ptr<RirRooms> world(const std::string& cache) const {
    WorldRoomsConfig config;
    config.train_rooms = 2;
    config.valid_rooms = 1;
    config.test_rooms = 1;
    config.receivers = 3;
    config.sources = 3;
    config.rays = 100;
    config.cache = cache;
    return make("room_world", std::make_shared<WorldRoomsConfig>(config));
  }

  static std::shared_ptr<RirRooms> make(
      const std::string& name, const std::shared_ptr<const void>& config) {
    register_xrir_once();
    return Registry<RirRooms>::get().create(config::Component<RirRooms>{name, config}, kArgs);
  }

  std::filesystem::path root_;
};

TEST_F(RirRoomsTest, SplitsShareNoRoomButSeenAndTrainDo) {
  const auto rooms = world("none");
  const auto names = [&](const std::string& split) {
    std::set<std::string> found;
    for (const ReceiverSet& set : rooms->split(split)) {
      found.insert(set.name);
    }
    return found;
  };
  EXPECT_EQ(names("train").size(), 4U) << "two of three receivers in two rooms";
  EXPECT_EQ(names("seen").size(), 2U);
  EXPECT_EQ(names("valid").size(), 3U);
  EXPECT_EQ(names("test").size(), 3U);
  std::set<std::string> all;
  for (const char* split : {"train", "seen", "valid", "test"}) {
    all.merge(names(split));
  }
  EXPECT_EQ(all.size(), 12U);
  EXPECT_THROW(rooms->split("training"), DataError);
  const ReceiverSet& set = rooms->split("test").front();
  EXPECT_EQ(set.depth.sizes().vec(), (std::vector<std::int64_t>{16, 32}));
  EXPECT_EQ(set.sources.sizes().vec(), (std::vector<std::int64_t>{3, 3}));
  EXPECT_EQ(set.responses.sizes().vec(), (std::vector<std::int64_t>{3, 2000}));
  // The direct sound of a source in sight comes at its distance.
  const auto distance = set.sources.norm(2, 1);
  EXPECT_GT(distance.min().item<float>(), 0.3);
  EXPECT_LT(set.responses.abs().max().item<float>(), 0.91);
}

TEST_F(RirRoomsTest, TheCacheHoldsWhatWasSimulated) {
  const auto first = world(root_.string());
  const auto made = first->split("test").front().responses.clone();
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root_)) {
    files += entry.is_regular_file() ? 1 : 0;
  }
  EXPECT_EQ(files, 1U) << "a room, no lock left";
  EXPECT_TRUE(torch::equal(world(root_.string())->split("test").front().responses, made));
  EXPECT_TRUE(torch::equal(world("none")->split("test").front().responses, made));
}

// 1 where two sets of responses (S,N) are one but for a factor.
double likeness(const torch::Tensor& a, const torch::Tensor& b) {
  return ((a * b).sum() / (a.norm() * b.norm())).item<double>();
}

TEST_F(RirRoomsTest, ResponsesCanBeSimulatedAgain) {
  const auto rooms = world("none");
  for (const char* split : {"test", "seen"}) {
    const ReceiverSet& set = rooms->split(split).back();
    EXPECT_NEAR(likeness(rooms->simulate_again(set, 1), set.responses), 1, 1e-6) << "the same seed";
    const auto other = rooms->simulate_again(set, 2);
    EXPECT_EQ(other.sizes(), set.responses.sizes());
    EXPECT_LT(likeness(other, set.responses), 0.999);
    EXPECT_GT(likeness(other, set.responses), 0.3) << "the specular reflections are the same";
  }
  MeasuredRoomsConfig measured;
  measured.microphones = 1;
  measured.rays = 0;
  measured.cache = "none";
  const auto others = make("measured_rooms", std::make_shared<MeasuredRoomsConfig>(measured));
  EXPECT_THROW(others->simulate_again(others->split("test").front(), 2), ConfigError);
}

TEST_F(RirRoomsTest, OneRoomHoldsAFifthOfItsPairsBack) {
  OneRoomConfig config;
  config.receivers = 4;
  config.sources = 5;
  config.rays = 100;
  config.cache = root_.string();
  const auto one_room = [&] { return make("one_room", std::make_shared<OneRoomConfig>(config)); };
  const auto rooms = one_room();
  ASSERT_EQ(rooms->split("test").size(), 4U);
  ASSERT_EQ(rooms->split("train").size(), 4U);
  EXPECT_TRUE(rooms->split("seen").empty());
  EXPECT_THROW(rooms->split("training"), DataError);
  std::set<std::int64_t> held;
  for (std::size_t r = 0; r < 4; ++r) {
    const ReceiverSet& test = rooms->split("test")[r];
    const ReceiverSet& train = rooms->split("train")[r];
    EXPECT_EQ(test.sources.size(0), 5);
    EXPECT_EQ(known_sources(test).size(), 4U);
    held.insert(test.known.logical_not().nonzero().item<std::int64_t>());
    EXPECT_FALSE(train.known.defined());
    EXPECT_TRUE(torch::equal(train.responses, test.responses.index({test.known})));
    EXPECT_TRUE(torch::equal(train.sources, test.sources.index({test.known})));
    EXPECT_NEAR(likeness(rooms->simulate_again(train, 1), train.responses), 1, 1e-6);
    const RirRooms::Place place = rooms->place(test);
    EXPECT_TRUE(place.scene.contains(place.receiver));
  }
  EXPECT_GT(held.size(), 1U) << "other sources at other receivers";
  EXPECT_EQ(rooms->split("test").front().room, world("none")->split("test").front().room);

  EXPECT_TRUE(
      torch::equal(one_room()->split("test").back().known, rooms->split("test").back().known));
  config.known = 0.2;
  EXPECT_NE(one_room()->fingerprint(), rooms->fingerprint());
  EXPECT_EQ(one_room()->split("train").front().sources.size(0), 2) << "one has another to refer to";
  config.room = 1;
  EXPECT_NE(one_room()->split("test").front().room, rooms->split("test").front().room);
}

TEST_F(RirRoomsTest, MeasuredRoomsTrainOnTwelveResponsesAndScoreTheOthers) {
  MeasuredRoomsConfig config;
  config.room = "hallway";
  config.microphones = 5;
  config.rays = 100;
  config.cache = root_.string();
  const auto measured = [&] {
    return make("measured_rooms", std::make_shared<MeasuredRoomsConfig>(config));
  };
  const auto rooms = measured();
  ASSERT_EQ(rooms->split("test").size(), 1U);
  const ReceiverSet test = rooms->split("test").front();
  EXPECT_EQ(test.room, "hallway");
  EXPECT_EQ(test.depth.sizes().vec(), (std::vector<std::int64_t>{16, 32}));
  EXPECT_EQ(test.sources.sizes().vec(), (std::vector<std::int64_t>{17, 3}));
  EXPECT_EQ(test.responses.sizes().vec(), (std::vector<std::int64_t>{17, 2000}));
  EXPECT_EQ(known_sources(test).size(), 12U);
  EXPECT_TRUE(rooms->split("seen").empty());
  EXPECT_THROW(rooms->split("training"), DataError);
  EXPECT_EQ(rooms->measured().samples, 2000);
  EXPECT_EQ(rooms->measured().t60_db, 30);

  ASSERT_EQ(rooms->split("train").size(), 1U);
  const ReceiverSet& train = rooms->split("train").front();
  EXPECT_FALSE(train.known.defined());
  EXPECT_TRUE(torch::equal(train.responses, test.responses.index({test.known})));
  EXPECT_TRUE(torch::equal(train.sources, test.sources.index({test.known})));
  EXPECT_EQ(train.responses.abs().max().item<float>(), 1);
  EXPECT_EQ(rooms->split("valid").front().name, train.name);

  EXPECT_TRUE(torch::equal(measured()->split("test").front().responses, test.responses));
  config.cache = "none";
  EXPECT_TRUE(torch::equal(measured()->split("test").front().responses, test.responses));
  config.seed = 2;
  EXPECT_FALSE(torch::equal(measured()->split("test").front().responses, test.responses));
  config.seed = 1;
  config.train_on = TrainOn::kThree;
  const auto three = measured();
  EXPECT_NE(three->fingerprint(), rooms->fingerprint());
  std::vector<std::string> names;
  for (const ReceiverSet& set : three->split("train")) {
    EXPECT_EQ(set.responses.size(0), 12);
    names.push_back(set.room);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"classroom", "hallway", "complex"}));
  config.room = "kitchen";
  EXPECT_THROW(measured(), ConfigError);
}

TEST_F(RirRoomsTest, AFolderInThePublishedLayoutGivesTheSameSets) {
  const data::formats::AcousticRoomsLayout layout(root_);
  worlds::rooms::SimulateOptions options;
  options.rays = 100;
  options.samples = 2000;
  for (std::int64_t number = 0; number < 3; ++number) {
    const auto room = worlds::rooms::make_room(1, number, 3, 3);
    write_room(layout, room, worlds::rooms::simulate_room(room, options), options);
  }
  FolderRoomsConfig config;
  config.root = root_.string();
  config.valid_rooms = 1;
  const auto folder = make("acoustic_rooms", std::make_shared<FolderRoomsConfig>(config));
  const auto memory = world("none");
  // By name, Apartments_idx_1 and Bathrooms_idx_1 train; Cafe_idx_1 is an unseen test room.
  EXPECT_EQ(folder->split("test").front().room, "Cafe_idx_1");
  const ReceiverSet& read = folder->split("train").front();
  const ReceiverSet& made = memory->split("train").front();
  EXPECT_EQ(read.name, made.name);
  EXPECT_TRUE(torch::equal(read.responses, made.responses));
  EXPECT_TRUE(torch::allclose(read.sources, made.sources, 0, 1e-5));
  EXPECT_EQ(folder->split("seen").size(), 1U);
  EXPECT_NE(folder->fingerprint(), memory->fingerprint());
}

TEST_F(RirRoomsTest, FaultsOfAFolderAreOneSentenceWithItsFile) {
  const data::formats::AcousticRoomsLayout layout(root_);
  const io::Audio pulse{22050, 1, std::vector<float>(2000, 0.1F)};
  const data::formats::AcousticRoom cafe{"Cafe", "Cafe_idx_1"};
  for (const char* category : {"Apartments", "Bathrooms", "Cafe"}) {
    const data::formats::AcousticRoom room{category, std::string(category) + "_idx_1"};
    layout.write_depth(room, 1, torch::ones({16, 32}));
    for (std::int64_t s = 1; s <= 3; ++s) {
      layout.write_rir(room, {s, 1}, pulse);
      layout.write_positions(room, {s, 1}, {{1, 2, static_cast<double>(s)}, {0, 0, 0}});
    }
  }
  FolderRoomsConfig config;
  config.root = root_.string();
  config.valid_rooms = 1;
  const auto test = [&] {
    return make("acoustic_rooms", std::make_shared<FolderRoomsConfig>(config))->split("test");
  };
  const auto message = [&] {
    try {
      test();
    } catch (const DataError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  ASSERT_EQ(test().front().sources.size(0), 3);

  // Sounds without positions are left out; what is there is still read, be it of other padding.
  const auto sounds = root_ / "single_channel_ir/Cafe/Cafe_idx_1";
  const auto places = root_ / "metadata/Cafe/Cafe_idx_1";
  std::filesystem::rename(places / "S002_R001.json", places / "S2_R01.json");
  std::filesystem::remove(places / "S003_R001.json");
  const auto left = test();
  EXPECT_TRUE(
      torch::equal(left.front().sources, torch::tensor({{1.F, 2.F, 1.F}, {1.F, 2.F, 2.F}})));

  io::write_wav(sounds / "S002_R001_hybrid_IR.wav", {48000, 1, pulse.samples});
  EXPECT_EQ(
      message(),
      (sounds / "S002_R001_hybrid_IR.wav").string() +
          ": a room impulse response must have 1 channel at 22050 Hz, but has 1 at 48000 Hz: "
          "resample it first");
  layout.write_rir(cafe, {2, 1}, pulse);
  std::filesystem::remove(root_ / "depth_map/Cafe/Cafe_idx_1/1.npy");
  EXPECT_NE(message().find("has no depth map of receiver 1"), std::string::npos) << message();
  layout.write_depth(cafe, 1, torch::ones({16, 32}));
  layout.write_positions(cafe, {2, 1}, {{1, 2, 2}, {0, 0, 0}});
  EXPECT_NE(message().find("has the numbers of"), std::string::npos) << message();
}

TEST_F(RirRoomsTest, LegacyReferencesAreTheFirstNineSources) {
  const data::formats::AcousticRoomsLayout layout(root_);
  const std::vector<float> pulse(2000, 0.1F);
  for (const char* category : {"Apartments", "Bathrooms", "Cafe"}) {
    const data::formats::AcousticRoom room{category, std::string(category) + "_idx_1"};
    layout.write_depth(room, 1, torch::ones({16, 32}));
    for (std::int64_t s = 8; s <= 12; ++s) {
      layout.write_rir(room, {s, 1}, {22050, 1, pulse});
      layout.write_positions(room, {s, 1}, {{1, 2, static_cast<double>(s)}, {0, 0, 0}});
    }
  }
  FolderRoomsConfig config;
  config.root = root_.string();
  config.valid_rooms = 1;
  const auto rooms = [&] {
    return make("acoustic_rooms", std::make_shared<FolderRoomsConfig>(config));
  };
  EXPECT_FALSE(rooms()->split("test").front().pool.defined());
  const std::string before = rooms()->fingerprint();
  config.legacy_ref_pool = true;
  EXPECT_TRUE(torch::equal(
      rooms()->split("test").front().pool, torch::tensor({true, true, false, false, false})));
  EXPECT_NE(rooms()->fingerprint(), before);
}

TEST_F(RirRoomsTest, AMissingFolderIsNamed) {
  FolderRoomsConfig config;
  config.root = (root_ / "nothing").string();
  EXPECT_THROW(make("acoustic_rooms", std::make_shared<FolderRoomsConfig>(config)), DataError);
}

}  // namespace
}  // namespace mmi::models::xrir
