#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <numbers>

#include "mmi/base/errors.h"
#include "mmi/io/audio.h"
#include "mmi/models/audeo/note_labels.h"
#include "mmi/models/audeo/onsets_frames.h"
#include "mmi/models/audeo/sounds.h"
#include "mmi/models/audeo/transcriber_task.h"
#include "mmi/models/audeo/video2roll_task.h"
#include "mmi/music/midi.h"
#include "mmi/nn/optimizer.h"
#include "mmi/nn/state.h"
#include "models/audeo/parts.h"

namespace mmi::models::audeo {
namespace {

namespace fs = std::filesystem;

class Folder : public ::testing::Test {
 protected:
  void SetUp() override {
    at::set_num_threads(1);  // the networks are tiny
    register_parts();
    folder_ = fs::temp_directory_path() /
              (std::string("mmi_transcriber_") +
               ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }

  void TearDown() override {
    fs::remove_all(folder_);
  }

  /// A chirp of `seconds`, stereo.
  fs::path write_chirp(const std::string& name, int rate_hz, double seconds) const {
    std::vector<float> samples;
    for (int i = 0; i < std::lround(seconds * rate_hz); ++i) {
      const double t = static_cast<double>(i) / rate_hz;
      const double value = 0.4 * std::sin(2 * std::numbers::pi * (200 * t + 150 * t * t));
      samples.push_back(static_cast<float>(value));
      samples.push_back(static_cast<float>(0.5 * value));
    }
    const fs::path path = folder_ / name;
    fs::create_directories(path.parent_path());
    io::write_wav(path, samples, 2, rate_hz, io::WavType::kFloat32);
    return path;
  }

  fs::path folder_;
};

using Sounds = Folder;
using Transcriber = Folder;
using SoundFolder = Folder;

/// Length of the layer list, times one complexity.
std::int64_t layer_list(std::int64_t c, std::int64_t mels, std::int64_t keys) {
  const std::int64_t features = 16 * c;
  const std::int64_t units = 8 * c;
  const std::int64_t conv = (9 + 1 + 2) * c + (9 * c + 1 + 2) * c + (9 * c + 1 + 2) * 2 * c +
                            (2 * c * (mels / 4) + 1) * features;
  const auto lstm = [units](std::int64_t in) { return 2 * 4 * units * (in + units + 2); };
  const std::int64_t edges = conv + lstm(features) + (2 * units + 1) * keys;
  const std::int64_t plain = conv + (features + 1) * keys;
  return 2 * edges + 2 * plain + lstm(3 * keys) + (2 * units + 1) * keys;
}

TEST(OnsetsAndFrames, HasThePublishedParameterCount) {
  EXPECT_EQ(nn::parameter_count(OnsetsAndFrames({})), 26491256);
  EXPECT_EQ(layer_list(48, 229, 88), 26491256);
  EXPECT_EQ(
      nn::parameter_count(OnsetsAndFrames({.complexity = 3, .mels = 40, .keys = 7})),
      layer_list(3, 40, 7));
  EXPECT_THROW(OnsetsAndFrames({.complexity = 0}), ConfigError);
}

TEST(OnsetsAndFrames, FramesSendNoGradientToOnsetsAndOffsets) {
  torch::manual_seed(1);
  OnsetsAndFrames net({.complexity = 2, .dropout = 0, .mels = 16, .keys = 5});
  net.transcribe(torch::randn({2, 6, 16})).frame.sum().backward();
  for (const auto& item : net.named_parameters()) {
    const bool edge = item.key().starts_with("onset_") || item.key().starts_with("offset_") ||
                      item.key().starts_with("velocity_");
    EXPECT_EQ(item.value().grad().defined(), !edge) << item.key();
  }
}

TEST(OnsetsAndFrames, DropsOutInTrainingOnlyAndNotAtAllWithoutDropout) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor mel = torch::randn({1, 8, 16});
  OnsetsAndFrames net({.complexity = 2, .mels = 16, .keys = 5});
  EXPECT_FALSE(torch::equal(net.forward(mel), net.forward(mel)));
  net.eval();
  EXPECT_TRUE(torch::equal(net.forward(mel), net.forward(mel)));
  OnsetsAndFrames dry({.complexity = 2, .dropout = 0, .mels = 16, .keys = 5});
  EXPECT_TRUE(torch::equal(dry.forward(mel), dry.forward(mel)));
  EXPECT_THROW(net.forward(torch::randn({1, 8, 17})), ShapeError);
}

TEST(OnsetsAndFrames, StartsAtTheDensityOfLabels) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(1);
  OnsetsAndFrames net({.complexity = 4, .mels = 40});
  net.eval();
  const Transcription heard = net.transcribe(torch::randn({1, 50, 40}));
  EXPECT_NEAR(heard.onset.mean().item<double>(), 0.0025, 0.001);
  EXPECT_NEAR(heard.offset.mean().item<double>(), 0.0025, 0.001);
  EXPECT_NEAR(heard.frame.mean().item<double>(), 0.047, 0.01);
}

TEST(LogMel, HasAFrameEvery512SamplesAndAFloor) {
  EXPECT_EQ(
      log_mel(torch::zeros({2, 32768})).sizes().vec(), (std::vector<std::int64_t>{2, 64, 229}));
  EXPECT_EQ(log_mel(torch::zeros({1, 32769})).size(1), 65);
  EXPECT_NEAR(log_mel(torch::zeros({1, 4096})).max().item<double>(), std::log(1e-5), 1e-5);
  EXPECT_THROW(log_mel(torch::zeros({1, 1024})), ShapeError);
}

TEST(NoteLabels, FollowThePublishedCoding) {
  const double frame = 0.032;
  const music::Notes notes = {
      {2.4 * frame, 5.4 * frame, 21, 64},
      {3.6 * frame, 3.7 * frame, 108, 100},  // shorter than a frame
      {5 * frame, 7 * frame, 21, 32},        // struck where the first ends
      {0.1, 0.2, 20, 80},                    // no key of a piano
  };
  const NoteLabels made = note_labels(notes, 0, 9);
  const auto key = [&](std::int64_t k) {
    const torch::Tensor column = made.label.select(1, k).contiguous();
    return std::vector<int>(
        column.data_ptr<std::uint8_t>(), column.data_ptr<std::uint8_t>() + column.numel());
  };
  EXPECT_EQ(key(0), (std::vector<int>{0, 0, 3, 2, 2, 3, 2, 1, 0}));
  EXPECT_EQ(key(87), (std::vector<int>{0, 0, 0, 0, 3, 1, 0, 0, 0}));
  EXPECT_EQ(made.velocity[4][0].item<int>(), 64);
  EXPECT_EQ(made.velocity[5][0].item<int>(), 32);
  EXPECT_EQ(made.label.count_nonzero().item<int>(), 8);
  const NoteLabels later = note_labels(notes, 3, 4);
  EXPECT_TRUE(torch::equal(later.label, made.label.slice(0, 3, 7)));
  EXPECT_TRUE(torch::equal(later.velocity, made.velocity.slice(0, 3, 7)));
}

TEST(DecodeNotes, UndoesTheLabels) {
  const double frame = 0.032;
  const music::Notes notes = {
      {2 * frame, 5 * frame, 40, 64},
      {3 * frame, 9 * frame, 60, 100},
      {5 * frame, 7 * frame, 40, 32},  // struck again at once
      {10 * frame, 12 * frame, 60, 1},
  };
  const NoteLabels made = note_labels(notes, 0, 12);
  const music::Notes found = decode_notes(
      made.label.eq(3).to(torch::kFloat32),
      made.label.gt(1).to(torch::kFloat32),
      made.velocity.to(torch::kFloat32) / 128);
  ASSERT_EQ(found.size(), notes.size());
  for (std::size_t i = 0; i < notes.size(); ++i) {
    EXPECT_EQ(found[i].pitch, notes[i].pitch);
    EXPECT_EQ(found[i].velocity, notes[i].velocity);
    EXPECT_NEAR(found[i].onset_s, notes[i].onset_s, 1e-9);
    EXPECT_NEAR(found[i].offset_s, notes[i].offset_s, 1e-9);
  }
}

TEST(DecodeNotes, NeedsAnOnsetAndTakesTheMeanVelocityOfItsFrames) {
  torch::Tensor onset = torch::zeros({8, 3});
  torch::Tensor frame = torch::zeros({8, 3});
  torch::Tensor velocity = torch::full({8, 3}, 0.9F);
  frame.slice(0, 1, 6).select(1, 0).fill_(0.9F);  // sounds, never struck
  onset[2][1] = 0.6F;                             // two onset frames, then silence
  onset[3][1] = 0.7F;
  velocity[2][1] = 0.25F;
  velocity[3][1] = 0.75F;
  onset[7][2] = 0.51F;
  const music::Notes found = decode_notes(onset, frame, velocity);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].pitch, 22);
  EXPECT_EQ(found[0].velocity, 64);
  EXPECT_NEAR(found[0].offset_s - found[0].onset_s, 2 * 0.032, 1e-9);
  EXPECT_EQ(found[1].velocity, 115);
  EXPECT_EQ(decode_notes(onset, frame, velocity, 0.65).size(), 1U);
  EXPECT_THROW(decode_notes(onset, frame.slice(0, 1), velocity), ShapeError);
}

TEST_F(Sounds, PiecesOfAFileEqualTheWholeAtAnyRate) {
  for (const int rate : {8000, 11025, 16000, 44100, 48000}) {
    const fs::path path = write_chirp("chirp.wav", rate, 23.3);
    const auto whole = read_sound(path);
    const FileSound file(path, {});
    EXPECT_NEAR(static_cast<double>(whole->samples()), 23.3 * 16000, 2) << rate;
    EXPECT_EQ(file.samples(), whole->samples()) << rate;
    for (const std::int64_t begin : {-300, 0, 100000, 159744, 372000}) {
      const torch::Tensor a = whole->read(begin, 4096);
      const torch::Tensor b = file.read(begin, 4096);
      EXPECT_LT((a - b).abs().max().item<double>(), 1e-4) << rate << " Hz at " << begin;
    }
    // The mean of the channels, against the formula.
    const torch::Tensor at = torch::arange(20000, 24096, torch::kFloat64) / 16000;
    const torch::Tensor expected =
        0.3 * torch::sin(2 * std::numbers::pi * (200 * at + 150 * at.square()));
    EXPECT_LT((whole->read(20000, 4096) - expected).abs().max().item<double>(), 2e-3) << rate;
  }
}

TEST_F(Sounds, SilenceAndOtherFilesAreRefusedInOneSentence) {
  const fs::path quiet = folder_ / "quiet.wav";
  io::write_wav(quiet, std::vector<float>(32000, 0.0F), 1, 16000);
  const auto message = [](const fs::path& path) -> std::string {
    try {
      read_sound(path);
    } catch (const DataError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message(quiet).find("holds only silence"), std::string::npos);
  io::write_wav(folder_ / "none.wav", std::vector<float>{}, 1, 16000);
  EXPECT_NE(message(folder_ / "none.wav").find("no sound"), std::string::npos);
  std::ofstream(folder_ / "text.wav") << "no sound at all, only text, long enough for a header";
  EXPECT_NE(message(folder_ / "text.wav").find("text.wav"), std::string::npos);
  EXPECT_NE(message(folder_ / "missing.wav").find("missing.wav"), std::string::npos);
}

TranscriberTaskConfig small_config() {
  TranscriberTaskConfig config;
  config.model.complexity = 2;
  config.sequence_samples = 16384;
  config.loader.batch_size = 3;
  return config;
}

void choose_recordings(TranscriberTaskConfig& config, const std::string& name, config::Node node) {
  node.set("name", config::Node::text(name));
  config::Problems problems;
  Registry<ScoredSounds>::get().read_component(
      config.recordings.name, config.recordings.config, node, "", problems);
  problems.throw_if_any();
}

TranscriberTaskConfig world_config() {
  TranscriberTaskConfig config = small_config();
  auto node = config::Node::map();
  for (const auto& [name, value] :
       {std::pair{"train_pieces", 2}, {"valid_pieces", 1}, {"test_pieces", 1}}) {
    node.set(name, config::Node::integer(value));
  }
  node.set("duration_s", config::Node::real(5));
  choose_recordings(config, "piano_sounds", node);
  return config;
}

TEST_F(Transcriber, ALongSoundIsHeardInPiecesAsInOnePass) {
  torch::manual_seed(1);
  TranscriberTask task(world_config(), {});
  task.module().eval();
  torch::manual_seed(2);
  const MemorySound sound("noise", torch::rand({1500 * kSoundHop - 100}) - 0.5);
  const Transcription heard = task.hear(sound);
  ASSERT_EQ(heard.frame.sizes().vec(), (std::vector<std::int64_t>{1500, 88}));
  const torch::NoGradGuard no_grad;
  auto& net = dynamic_cast<OnsetsAndFrames&>(task.module());
  const torch::Tensor all = log_mel(sound.read(0, sound.samples()).unsqueeze(0));
  ASSERT_EQ(all.size(1), 1500);
  const Transcription once = net.transcribe(all);
  EXPECT_LT((heard.onset - once.onset[0]).abs().max().item<double>(), 1e-5);
  EXPECT_LT((heard.frame - once.frame[0]).abs().max().item<double>(), 1e-5);
  EXPECT_LT((heard.velocity - once.velocity[0]).abs().max().item<double>(), 1e-5);
  EXPECT_EQ(task.hear(MemorySound("click", torch::ones({5}))).onset.size(0), 1);
}

TEST_F(Transcriber, LossFallsOnABatchAndVelocityCountsAtOnsetsOnly) {
  torch::manual_seed(1);
  TranscriberTaskConfig config = world_config();
  config.model.dropout = 0;
  TranscriberTask task(config, {});
  const auto source = task.source();
  const TensorDict batch = source->next();
  EXPECT_EQ(batch.tensor("audio").sizes().vec(), (std::vector<std::int64_t>{3, 16384}));
  EXPECT_EQ(batch.tensor("label").sizes().vec(), (std::vector<std::int64_t>{3, 32, 88}));
  nn::Optimizer optimizer(nn::match_parameters(task.module(), {"*"}), {.lr = 1e-2});
  StepContext context;
  std::vector<double> losses;
  for (int i = 0; i < 15; ++i) {
    optimizer.zero_grad();
    const Loss loss = task.loss("main", batch, context);
    loss.total.backward();
    optimizer.step();
    losses.push_back(loss.total.item<double>());
  }
  EXPECT_LT(losses.back(), 0.5 * losses.front());
  TensorDict still = batch;
  still.set("label", torch::full_like(batch.tensor("label"), 2));
  const Loss loss = task.loss("main", still, context);
  EXPECT_EQ(loss.parts.back().first, "velocity");
  EXPECT_EQ(loss.parts.back().second.item<double>(), 0);
}

TEST_F(Transcriber, ScoresPerfectEarsWithAHundred) {
  TranscriberTask task(world_config(), {});
  const auto source = Registry<ScoredSounds>::get().create(world_config().recordings, {});
  const auto sound = source->split("test").front();
  EXPECT_GT(sound->notes().size(), 5U);
  const NoteLabels labels = note_labels(sound->notes(), 0, sound->samples() / kSoundHop + 1);
  Transcription heard;
  heard.onset = labels.label.eq(3).to(torch::kFloat32);
  heard.frame = labels.label.gt(1).to(torch::kFloat32);
  heard.velocity = labels.velocity.to(torch::kFloat32) / 128;
  EXPECT_EQ(task.notes_of(heard, {}).size(), sound->notes().size());
  task.restore({{"onset_threshold", 0.3}});
  EXPECT_EQ(task.thresholds().onset, 0.3);
  EXPECT_EQ(task.thresholds().frame, 0.5);
  const Metrics scores = task.evaluate("test");
  EXPECT_EQ(scores.size(), 5U);
  EXPECT_EQ(task.evaluate_items("test").front().first, "test 0");
  EXPECT_THROW(source->split("dev"), DataError);
}

TEST_F(Transcriber, WorldSoundsAreAFunctionOfTheSeed) {
  const auto load = [] {
    return Registry<ScoredSounds>::get().create(world_config().recordings, {})->split("train");
  };
  const ScoredSoundList a = load();
  const ScoredSoundList b = load();
  ASSERT_EQ(a.size(), 2U);
  EXPECT_EQ(a[1]->notes(), b[1]->notes());
  EXPECT_TRUE(torch::equal(a[1]->read(0, 80000), b[1]->read(0, 80000)));
  EXPECT_NE(a[0]->notes(), a[1]->notes());
  EXPECT_EQ(a[0]->samples(), 80000);
}

TEST_F(SoundFolder, PairsSoundsWithMidiFilesOfTheSameName) {
  const music::Notes notes = {{0.1, 0.5, 60, 90}};
  for (const char* name : {"a/one", "a/two", "b/three"}) {
    write_chirp(std::string(name) + ".wav", 22050, 1.5);
    music::write_notes(folder_ / (std::string(name) + ".midi"), notes);
  }
  write_chirp("alone.wav", 16000, 1.5);
  TranscriberTaskConfig config = small_config();
  auto node = config::Node::map();
  node.set("root", config::Node::text(folder_.string()));
  choose_recordings(config, "sound_midi_folder", node);
  const auto sounds = Registry<ScoredSounds>::get().create(config.recordings, {});
  std::size_t found = 0;
  for (const char* split : {"train", "valid", "test"}) {
    const ScoredSoundList list = sounds->split(split);
    found += list.size();
    EXPECT_EQ(list.front()->notes().size(), 1U) << split;
    EXPECT_EQ(list.front()->samples(), 24000);
  }
  EXPECT_EQ(found, 3U);
  const TensorDict batch = TranscriberTask(
                               [&] {
                                 config.loader.batch_size = 1;
                                 return config;
                               }(),
                               {})
                               .source()
                               ->next();
  EXPECT_EQ(batch.tensor("label").sizes().vec(), (std::vector<std::int64_t>{1, 32, 88}));
  const std::string before = sounds->fingerprint();
  write_chirp("train/four.wav", 16000, 1.5);
  music::write_notes(folder_ / "train/four.mid", notes);
  const auto laid_out = Registry<ScoredSounds>::get().create(config.recordings, {});
  EXPECT_EQ(laid_out->split("train").size(), 1U);  // folders decide now
  EXPECT_THROW(laid_out->split("test"), DataError);
  EXPECT_NE(laid_out->fingerprint(), before);
}

TEST_F(SoundFolder, AFolderWithoutPairsSaysWhatIsMissing) {
  TranscriberTaskConfig config = small_config();
  auto node = config::Node::map();
  node.set("root", config::Node::text(folder_.string()));
  choose_recordings(config, "sound_midi_folder", node);
  try {
    Registry<ScoredSounds>::get().create(config.recordings, {})->split("train");
    ADD_FAILURE();
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("MIDI file of the same name"), std::string::npos);
  }
}

}  // namespace
}  // namespace mmi::models::audeo
