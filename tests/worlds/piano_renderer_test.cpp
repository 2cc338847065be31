#include "mmi/worlds/piano/renderer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include "mmi/base/errors.h"
#include "mmi/worlds/piano/keyboard.h"

namespace mmi::worlds::piano {
namespace {

using Picture = std::vector<std::uint8_t>;

PieceSpec spec_of(Style style, std::uint64_t seed, double duration_s) {
  PieceSpec spec;
  spec.style = style;
  spec.composition_seed = spec.performance_seed = spec.camera_seed = seed;
  spec.duration_s = duration_s;
  return spec;
}

Picture render(Renderer& renderer, std::int64_t frame) {
  Picture picture(static_cast<std::size_t>(renderer.config().width * renderer.config().height));
  renderer.render(frame, picture.data());
  return picture;
}

RenderConfig quiet(int width = 900, int height = 100) {
  RenderConfig config{width, height};
  config.hands = config.jitter = config.flicker = config.noise = false;
  return config;
}

TEST(PianoRenderer, AnyOrderOfFramesGivesTheSameBytes) {
  const Piece piece = make_piece(spec_of(Style::kStride, 5, 6));
  for (const auto [width, height] : {std::pair{900, 100}, std::pair{452, 36}}) {
    Renderer forward(piece, {width, height});
    Renderer backward(piece, {width, height});
    std::vector<Picture> pictures;
    for (std::int64_t f = 0; f < 60; ++f) {
      pictures.push_back(render(forward, f));
    }
    for (std::int64_t f = 59; f >= 0; --f) {
      ASSERT_EQ(render(backward, f), pictures[static_cast<std::size_t>(f)]) << f;
    }
  }
}

TEST(PianoRenderer, InstancesInThreadsDoNotDisturbEachOther) {
  const Piece piece = make_piece(spec_of(Style::kHymn, 6, 5));
  const auto film = [&piece](std::vector<Picture>& pictures) {
    Renderer renderer(piece, {452, 68});
    for (std::int64_t f = 0; f < 40; ++f) {
      pictures.push_back(render(renderer, f));
    }
  };
  std::vector<Picture> a, b;
  std::thread first(film, std::ref(a));
  std::thread second(film, std::ref(b));
  first.join();
  second.join();
  EXPECT_EQ(a, b);
}

TEST(PianoRenderer, CamerasDiffer) {
  PieceSpec spec = spec_of(Style::kHymn, 6, 5);
  const Piece a = make_piece(spec);
  spec.camera_seed = 99;
  const Piece b = make_piece(spec);
  EXPECT_EQ(a.vision, b.vision);
  Renderer one(a), other(b);
  EXPECT_NE(render(one, 10), render(other, 10));
}

TEST(PianoRenderer, EveryPressedKeyShowsAndOnlyThere) {
  music::Notes score;
  for (int i = 0; i <= 50; ++i) {
    score.push_back({i * 1.0, i * 1.0 + 0.6, 36 + i, 80});
  }
  PieceSpec spec = spec_of(Style::kHymn, 3, 10);
  spec.perform.tempo_curve = spec.perform.onset_jitter_s = spec.perform.ornament_probability = 0;
  const Piece piece = make_piece(score, spec);
  ASSERT_EQ(piece.notes.size(), 51U);
  for (const auto [width, height, least] :
       {std::tuple{900, 100, 20}, std::tuple{452, 68, 12}, std::tuple{452, 36, 12}}) {
    Renderer renderer(piece, quiet(width, height));
    const Picture rest = render(renderer, piece.frames - 1);
    for (const music::Note& note : piece.notes) {
      const auto frame = static_cast<std::int64_t>((note.onset_s + 0.1) * kFps);
      const Picture pressed = render(renderer, frame);
      const KeyShape& key = key_shape(note.pitch);
      const double left = renderer.project({key.left, 60}).x - 4;
      const double right = renderer.project({key.right, 60}).x + 4;
      int inside = 0, outside = 0;
      for (int i = 0; i < width * height; ++i) {
        const int change =
            std::abs(pressed[static_cast<std::size_t>(i)] - rest[static_cast<std::size_t>(i)]);
        const int x = i % width;
        int& most = x >= left && x <= right ? inside : outside;
        most = std::max(most, change);
      }
      EXPECT_GE(inside, least) << "pitch " << note.pitch << " at " << width << " x " << height;
      EXPECT_LE(outside, 1) << "pitch " << note.pitch << " at " << width << " x " << height;
    }
  }
}

TEST(PianoRenderer, HigherPitchesStandFurtherRight) {
  const Piece piece = make_piece(spec_of(Style::kHymn, 8, 3));
  Renderer renderer(piece);
  for (int pitch = 22; pitch <= 108; ++pitch) {
    EXPECT_GT(
        renderer.project({key_shape(pitch).center, 50}).x,
        renderer.project({key_shape(pitch - 1).center, 50}).x);
  }
}

// Box average of a large picture at a smaller size.
std::vector<double> shrink(const Picture& large, int w0, int h0, int w1, int h1) {
  std::vector<double> across(static_cast<std::size_t>(w1 * h0), 0),
      small(static_cast<std::size_t>(w1 * h1), 0);
  const auto overlap = [](double a0, double a1, int i) {
    return std::max(0.0, std::min(a1, i + 1.0) - std::max(a0, double(i)));
  };
  for (int y = 0; y < h0; ++y) {
    for (int x = 0; x < w1; ++x) {
      const double a = double(x) * w0 / w1, b = double(x + 1) * w0 / w1;
      for (int i = int(a); i < std::min(w0, int(std::ceil(b))); ++i) {
        across[static_cast<std::size_t>(y * w1 + x)] +=
            overlap(a, b, i) * large[static_cast<std::size_t>(y * w0 + i)] / (b - a);
      }
    }
  }
  for (int y = 0; y < h1; ++y) {
    const double a = double(y) * h0 / h1, b = double(y + 1) * h0 / h1;
    for (int j = int(a); j < std::min(h0, int(std::ceil(b))); ++j) {
      for (int x = 0; x < w1; ++x) {
        small[static_cast<std::size_t>(y * w1 + x)] +=
            overlap(a, b, j) * across[static_cast<std::size_t>(j * w1 + x)] / (b - a);
      }
    }
  }
  return small;
}

TEST(PianoRenderer, SmallSizesShowTheSamePictureAsShrinkingALargeOne) {
  const Piece piece = make_piece(spec_of(Style::kStride, 9, 6));
  RenderConfig large;
  large.noise = false;
  Renderer reference(piece, large);
  // At a whole ratio both are averages of one fine grid. At others the large picture's own pixels
  // smear thin lines once more: the small picture is the sharper one.
  for (const auto [width, height, mean_limit, worst_limit] :
       {std::tuple{450, 50, 0.5, 60}, std::tuple{452, 36, 2.5, 60}, std::tuple{452, 68, 2.5, 60}}) {
    RenderConfig config = large;
    config.width = width;
    config.height = height;
    Renderer renderer(piece, config);
    double sum = 0, worst = 0;
    int count = 0;
    for (std::int64_t f = 5; f < piece.frames; f += 11) {
      const std::vector<double> expected = shrink(render(reference, f), 900, 100, width, height);
      const Picture got = render(renderer, f);
      for (std::size_t i = 0; i < got.size(); ++i) {
        const double error = std::abs(expected[i] - got[i]);
        sum += error;
        worst = std::max(worst, error);
        ++count;
      }
    }
    std::printf(
        "%d x %d: mean error %.2f, worst %.1f grey levels\n", width, height, sum / count, worst);
    EXPECT_LT(sum / count, mean_limit);
    EXPECT_LT(worst, worst_limit);
  }
}

TEST(PianoRenderer, NoiseHasTheStatedStrength) {
  const Piece piece = make_piece(spec_of(Style::kHymn, 8, 3));
  RenderConfig config = quiet();
  Renderer clean(piece, config);
  config.noise = true;
  Renderer noisy(piece, config);
  const Picture a = render(clean, 20), b = render(noisy, 20);
  double squares = 0, count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] > 20 && a[i] < 235) {
      squares += std::pow(double(a[i]) - b[i], 2);
      count += 1;
    }
  }
  EXPECT_GT(std::sqrt(squares / count), 1.9);
  EXPECT_LT(std::sqrt(squares / count), 4.2);
}

TEST(PianoWorld, ShowsWhatItsVersionAlwaysShowed) {
  std::ifstream file(std::string(MMI_TEST_DATA) + "/worlds/piano_world.txt");
  std::string version, hash;
  file >> version >> hash;
  EXPECT_EQ(world_version(), version);
  EXPECT_EQ(world_hash(), hash) << "pictures, rolls or notes changed: give the world a new version "
                                   "and record both in tests/data/worlds/piano_world.txt";
}

TEST(PianoRenderer, RefusesAbsurdSizesAndFrames) {
  const Piece piece = make_piece(spec_of(Style::kHymn, 8, 3));
  EXPECT_THROW(Renderer(piece, {10, 100}), ConfigError);
  EXPECT_THROW(Renderer(piece, {900, 4000}), ConfigError);
  Renderer renderer(piece, {900, 100});
  Picture picture(90000);
  EXPECT_THROW(renderer.render(-1, picture.data()), ShapeError);
  EXPECT_THROW(renderer.render(piece.frames, picture.data()), ShapeError);
}

// A timed thing is a benchmark, not a test: runs only with MMI_BENCH=1.
TEST(PianoBench, FramesPerSecond) {
  if (std::getenv("MMI_BENCH") == nullptr) {
    GTEST_SKIP() << "set MMI_BENCH=1";
  }
  const Piece piece = make_piece(spec_of(Style::kStride, 9, 90));
  for (const auto [width, height] : {std::pair{900, 100}, std::pair{452, 68}, std::pair{452, 36}}) {
    Picture picture(static_cast<std::size_t>(width * height));
    const auto begin = std::chrono::steady_clock::now();
    Renderer renderer(piece, {width, height});
    for (std::int64_t f = 0; f < 2000; ++f) {
      renderer.render(f % piece.frames, picture.data());
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::printf("%d x %d: %.0f frames/s, set-up included\n", width, height, 2000 / took.count());
  }
}

}  // namespace
}  // namespace mmi::worlds::piano
