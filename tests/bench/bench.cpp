// The module mmi_bench: what scripts/bench/run.py measures and the package mmi does not bind.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>
#include <torch/csrc/utils/pybind.h>
#include <torch/torch.h>

#include "mmi/data/loader.h"
#include "mmi/dsp/griffin_lim.h"
#include "mmi/dsp/mel.h"
#include "mmi/io/image.h"
#include "mmi/io/video.h"
#include "mmi/nn/optimizer.h"
#include "mmi/nn/state.h"
#include "mmi/runs/config.h"
#include "mmi/runs/register.h"
#include "mmi/runs/store.h"
#include "mmi/worlds/piano/renderer.h"

namespace mmi::bench {
namespace {

namespace py = pybind11;
namespace fs = std::filesystem;

/// (T,H,W) float32 in [0,1].
torch::Tensor decode_gray(const fs::path& path, int height, int width, int threads) {
  io::VideoOptions options;
  options.height = height;
  options.width = width;
  options.color = io::Color::kGray;
  options.threads = threads;
  io::VideoReader reader(path, options);
  torch::Tensor batch = torch::empty({reader.frame_count(), height, width});
  float* out = batch.mutable_data_ptr<float>();
  for (io::VideoFrame frame; reader.next(frame);) {
    for (const std::uint8_t pixel : frame.data) {
      *out++ = static_cast<float>(pixel) * (1.0F / 255.0F);
    }
  }
  return batch;
}

/// Frames decoded, all but 16 x 16 pixels of each thrown away: the roof of decode_gray.
std::int64_t decode_only(const fs::path& path, int threads) {
  io::VideoOptions options;
  options.crop = {0, 0, 16, 16};
  options.color = io::Color::kGray;
  options.threads = threads;
  io::VideoReader reader(path, options);
  std::int64_t count = 0;
  for (io::VideoFrame frame; reader.next(frame); ++count) {
  }
  return count;
}

/// Rows of one tensor: {x: items[i], y: i}.
std::shared_ptr<data::Dataset> memory_items(const torch::Tensor& items) {
  TensorDict columns;
  columns.set("x", items);
  columns.set("y", torch::arange(items.size(0)));
  return std::make_shared<data::TensorDataset>(columns, "memory");
}

/// Stacks of gray pictures: {x: (n,H,W) uint8, y: index}; picture k of item i is number i + k.
class PictureStacks : public data::Dataset {
 public:
  PictureStacks(std::vector<fs::path> files, std::int64_t depth)
      : files_(std::move(files)), depth_(depth) {}

  std::int64_t size() const override {
    return static_cast<std::int64_t>(files_.size()) - depth_ + 1;
  }

  TensorDict get(std::int64_t index, Rng&) const override {
    torch::Tensor stack;
    for (std::int64_t k = 0; k < depth_; ++k) {
      const io::Image image =
          io::read_image(files_[static_cast<std::size_t>(index + k)], io::Color::kGray);
      if (k == 0) {
        stack = torch::empty({depth_, image.height, image.width}, torch::kUInt8);
      }
      std::copy(
          image.data.begin(),
          image.data.end(),
          stack.mutable_data_ptr<std::uint8_t>() + k * stack.stride(0));
    }
    TensorDict example;
    example.set("x", stack);
    example.set("y", index);
    return example;
  }

  std::string fingerprint() const override {
    return "pictures";
  }

 private:
  std::vector<fs::path> files_;
  std::int64_t depth_;
};

/// A loader over one of them.
class Batches {
 public:
  Batches(std::shared_ptr<data::Dataset> items, std::int64_t batch, int workers, bool shuffle) {
    data::LoaderConfig config;
    config.batch_size = batch;
    config.workers = workers;
    const auto order = std::make_shared<data::PermutationSampler>(items->size(), shuffle);
    loader_ = std::make_unique<data::Loader>(items, order, config, 1);
  }

  std::pair<torch::Tensor, torch::Tensor> next() {
    const TensorDict batch = loader_->next();
    return {batch.tensor("x"), batch.tensor("y")};
  }

 private:
  std::unique_ptr<data::Loader> loader_;
};

/// A task of a configuration file and the optimiser of its first phase.
class Training {
 public:
  Training(const std::string& file, const std::vector<std::string>& overrides) {
    const auto stage = runs::resolve(file, overrides);
    task_ = runs::build_task(stage->config, {});
    const Phase phase = task_->phases().front();
    optimizer_ = std::make_unique<nn::Optimizer>(
        nn::match_parameters(task_->module(), phase.parameters), phase.optimizer);
  }

  double lr() const {
    return optimizer_->lr();
  }

  std::vector<std::pair<std::string, torch::Tensor>> state() const {
    std::vector<std::pair<std::string, torch::Tensor>> tensors;
    for (const nn::StateEntry& entry : nn::state_of(task_->module())) {
      tensors.emplace_back(entry.name, entry.tensor);
    }
    return tensors;
  }

  /// One update; the loss before it.
  double step(const torch::Tensor& frames, const torch::Tensor& keys) {
    TensorDict batch;
    batch.set("frames", frames);
    batch.set("keys", keys);
    StepContext context;
    optimizer_->zero_grad();
    const Loss loss = task_->loss("main", batch, context);
    loss.total.backward();
    optimizer_->step();
    return loss.total.item<double>();
  }

 private:
  std::shared_ptr<Task> task_;
  std::unique_ptr<nn::Optimizer> optimizer_;
};

/// A piece of the piano world and its pictures.
class Piano {
 public:
  Piano(int height, int width, double duration_s) {
    worlds::piano::PieceSpec spec;
    spec.duration_s = duration_s;
    piece_ = worlds::piano::make_piece(spec);
    worlds::piano::RenderConfig config;
    config.height = height;
    config.width = width;
    renderer_ = std::make_unique<worlds::piano::Renderer>(piece_, config);
    pixels_ = torch::empty({height, width}, torch::kUInt8);
  }

  std::int64_t frames() const {
    return renderer_->frames();
  }

  /// The last of frames begin .. end - 1, all of which are rendered: (H,W) uint8.
  torch::Tensor render(std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      renderer_->render(t, pixels_.mutable_data_ptr<std::uint8_t>());
    }
    return pixels_;
  }

 private:
  worlds::piano::Piece piece_;
  std::unique_ptr<worlds::piano::Renderer> renderer_;
  torch::Tensor pixels_;
};

torch::Tensor griffin_lim(
    const torch::Tensor& magnitude,
    std::int64_t n_fft,
    std::int64_t hop,
    std::int64_t n_iter,
    std::int64_t length) {
  dsp::GriffinLimConfig config;
  config.n_iter = n_iter;
  config.initial_phase = dsp::InitialPhase::kZero;
  config.stft.n_fft = n_fft;
  config.stft.hop_samples = hop;
  config.stft.pad_mode = dsp::PadMode::kZeros;
  Rng rng(1);
  return dsp::griffin_lim(magnitude, config, rng, length);
}

torch::Tensor mel(
    const torch::Tensor& waveform,
    const torch::Tensor& bank,
    const torch::Tensor& window,
    std::int64_t hop) {
  dsp::StftConfig config;
  config.n_fft = window.size(0);
  config.hop_samples = hop;
  config.window = window;
  return dsp::mel_spectrogram(waveform, bank, config);
}

torch::Tensor mel_bank(std::int64_t rate_hz, std::int64_t n_fft, std::int64_t n_mels) {
  dsp::MelConfig config;
  config.sample_rate_hz = rate_hz;
  config.n_fft = n_fft;
  config.n_mels = n_mels;
  return dsp::mel_filter_bank(config);
}

}  // namespace
}  // namespace mmi::bench

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
  namespace py = pybind11;
  using namespace mmi::bench;
  using Unlocked = py::call_guard<py::gil_scoped_release>;
  py::module_::import("torch");
  mmi::register_all();
  m.def("decode_gray", &decode_gray, Unlocked());
  m.def("decode_only", &decode_only, Unlocked());
  m.def("griffin_lim", &griffin_lim, Unlocked());
  m.def("mel", &mel, Unlocked());
  m.def("mel_bank", &mel_bank, Unlocked());
  py::class_<mmi::data::Dataset, std::shared_ptr<mmi::data::Dataset>> dataset(m, "Dataset");
  m.def("memory_items", &memory_items);
  py::class_<PictureStacks, mmi::data::Dataset, std::shared_ptr<PictureStacks>>(m, "PictureStacks")
      .def(py::init<std::vector<std::filesystem::path>, std::int64_t>());
  py::class_<Batches>(m, "Batches")
      .def(py::init<std::shared_ptr<mmi::data::Dataset>, std::int64_t, int, bool>())
      .def("next", &Batches::next, Unlocked());
  py::class_<Training>(m, "Training")
      .def(py::init<std::string, std::vector<std::string>>(), Unlocked())
      .def_property_readonly("lr", &Training::lr)
      .def("state", &Training::state)
      .def("step", &Training::step, Unlocked());
  py::class_<Piano>(m, "Piano")
      .def(py::init<int, int, double>(), Unlocked())
      .def_property_readonly("frames", &Piano::frames)
      .def("render", &Piano::render, Unlocked());
}
