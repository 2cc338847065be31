#include "worlds/room_pulses.h"

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <algorithm>
#include <optional>
#include <span>

#include "mmi/base/errors.h"
#include "mmi/base/parallel.h"
#include "mmi/worlds/rooms/shoebox.h"
#include "worlds/room_paths.h"
#include "worlds/room_synthesis.h"

namespace mmi::worlds::rooms {
namespace {

static_assert(pulses::kTaps == PulseTrain::kTaps && pulses::kPhases == PulseTrain::kPhases);
constexpr std::int64_t kPairsAtOnce = 1024;  // 0.3 GB of bands at 9,600 samples

static_assert(pulses::kAirStepsPerMetre == AirTable::kStepsPerMetre);

std::vector<pulses::Pair> compiled(const std::vector<ShoeboxPair>& wanted) {
  std::vector<pulses::Pair> pairs;
  const Scene* scene = nullptr;
  pulses::Pair pair{};
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto put = [](double* out, Vec3 v) {
      out[0] = v.x;
      out[1] = v.y;
      out[2] = v.z;
    };
    if (wanted[i].scene != scene) {
      scene = wanted[i].scene;
      const Geometry geometry(*scene);
      const std::optional<Shoebox> room = as_shoebox(*scene, geometry);
      MMI_CHECK(ConfigError, room, "the scene of pair {} is no empty shoebox along the axes", i);
      put(pair.low, room->low);
      put(pair.size, room->high - room->low);
      for (std::size_t side = 0; side < 6; ++side) {
        const F8 kept = pressure_kept(geometry, room->materials[side]);
        for (int b = 0; b < pulses::kBands; ++b) {
          pair.kept[side][b] = kept[b];
        }
      }
    }
    MMI_CHECK(
        ConfigError,
        scene->contains(wanted[i].source) && scene->contains(wanted[i].receiver),
        "source or receiver of pair {} is outside the room",
        i);
    put(pair.source, wanted[i].source);
    put(pair.receiver, wanted[i].receiver);
    pairs.push_back(pair);
  }
  return pairs;
}

// The processor's twin of add_cuda.
void add_cpu(const pulses::Pair& pair, const pulses::Format& format, float* bands) {
  const std::int64_t count = pulses::image_count(pair, format);
  for (std::int64_t i = 0; i < count; ++i) {
    const pulses::Pulse pulse = pulses::image(pair, format, i);
    if (pulse.first < 0) {
      continue;
    }
    float* out = bands + pulse.first * pulses::kBands;
    for (int k = 0; k < pulses::kTaps; ++k) {
      const float weight = pulses::tap(format, pulse.phase, pulse.part, k);
      for (int b = 0; b < pulses::kBands; ++b) {
        *out++ += weight * pulse.amplitude[b];
      }
    }
  }
}

// (pairs, samples + kTaps, kBands) on the processor, by way of a CUDA device.
torch::Tensor add_on_device(
    std::span<const pulses::Pair> pairs,
    pulses::Format format,
    std::int64_t air_values,
    torch::Device device) {
#ifdef MMI_WITH_CUDA
  const auto there = [&](const void* data, std::size_t bytes) {
    return torch::from_blob(
               const_cast<void*>(data), {static_cast<std::int64_t>(bytes)}, torch::kUInt8)
        .to(device);
  };
  const auto count = static_cast<std::int64_t>(pairs.size());
  const auto taps = there(
      format.taps, sizeof(float) * static_cast<std::size_t>((pulses::kPhases + 1) * pulses::kTaps));
  const auto air = there(format.air, sizeof(float) * static_cast<std::size_t>(air_values));
  const auto rooms = there(pairs.data(), sizeof(pulses::Pair) * pairs.size());
  auto bands = torch::zeros(
      {count, format.samples + pulses::kTaps, pulses::kBands},
      torch::TensorOptions(torch::kFloat).device(device));
  format.taps = reinterpret_cast<const float*>(taps.const_data_ptr<std::uint8_t>());
  format.air = reinterpret_cast<const float*>(air.const_data_ptr<std::uint8_t>());
  torch::cuda::synchronize(bands.get_device());  // the kernel does not wait for torch's stream
  const char* error = pulses::add_cuda(
      reinterpret_cast<const pulses::Pair*>(rooms.const_data_ptr<std::uint8_t>()),
      count,
      format,
      bands.data_ptr<float>(),
      bands.get_device());
  MMI_CHECK(NotBuiltError, error == nullptr, "image sources on {}: {}", device.str(), error);
  return bands.cpu();
#else
  throw NotBuiltError("image sources on CUDA: this build had no CUDA compiler (MMI_CUDA)");
#endif
}

}  // namespace

torch::Tensor shoebox_responses(
    const std::vector<ShoeboxPair>& wanted, const SimulateOptions& options, torch::Device device) {
  MMI_CHECK(
      ConfigError,
      options.samples > 0 && options.sample_rate_hz > 0 && options.speed_of_sound > 0 &&
          options.image_order >= -1,
      "samples, sample_rate_hz and speed_of_sound must be above 0, and image_order at least -1");
  MMI_CHECK(
      NotBuiltError,
      device.is_cpu() || (device.is_cuda() && torch::cuda::is_available()),
      "image sources run on cpu and, where torch finds one, on a CUDA device, not on {}",
      device.str());
  const std::vector<pulses::Pair> pairs = compiled(wanted);
  const AirTable air(
      static_cast<double>(options.samples) / options.sample_rate_hz * options.speed_of_sound,
      options.air);
  const pulses::Format format{
      PulseTrain::taps().data(),
      reinterpret_cast<const float*>(air.values().data()),
      air.longest_m(),
      options.sample_rate_hz / options.speed_of_sound,
      options.samples,
      options.image_order};
  const auto count = static_cast<std::int64_t>(pairs.size());
  auto waves = torch::empty({count, options.samples});
  auto* out = waves.data_ptr<float>();
  const BandMixer mixer(options.samples, options.sample_rate_hz, options.high_pass_hz);
  for (std::int64_t begin = 0; begin < count; begin += kPairsAtOnce) {
    const std::span chunk(
        pairs.data() + begin, static_cast<std::size_t>(std::min(kPairsAtOnce, count - begin)));
    torch::Tensor bands;
    if (!device.is_cpu()) {
      const auto air_values = static_cast<std::int64_t>(air.values().size()) * pulses::kBands;
      bands = add_on_device(chunk, format, air_values, device);
    }
    const auto many = static_cast<std::int64_t>(chunk.size());
    parallel_for(many, at::get_num_threads(), [&](std::int64_t i) {
      PulseTrain train(options.samples, format.samples_per_metre);
      auto* values = reinterpret_cast<float*>(train.bands().data());
      if (bands.defined()) {
        const float* from = bands.const_data_ptr<float>() + i * pulses::band_values(format);
        std::copy_n(from, pulses::band_values(format), values);
      } else {
        add_cpu(chunk[static_cast<std::size_t>(i)], format, values);
      }
      BandMixer::Space space = mixer.make_space();
      mixer.mix(train, space, out + (begin + i) * options.samples);
    });
  }
  return waves;
}

}  // namespace mmi::worlds::rooms
