// Codecs: mmi.codecs.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>
#include <torch/csrc/utils/pybind.h>

#include <filesystem>

#include "bindings.h"
#include "mmi/base/errors.h"
#include "mmi/codecs/codec.h"
#include "mmi/codecs/dac.h"
#include "mmi/codecs/encodec.h"
#include "values.h"

namespace mmi::python {
namespace {

using codecs::TokenCodec;

std::shared_ptr<TokenCodec> codec_of(const Core& core) {
  auto codec = std::dynamic_pointer_cast<TokenCodec>(core.module);
  MMI_CHECK(ConfigError, codec != nullptr, "this network is no codec");
  return codec;
}

Core create_codec(const std::string& name, const AnyDict& options) {
  config::Node settings = to_node(options, "");
  settings.set("name", config::Node::text(name));
  config::Component<TokenCodec> component;
  config::Problems problems;
  Registry<TokenCodec>::get().read_component(
      component.name, component.config, settings, "", problems);
  problems.throw_if_any();
  const py::gil_scoped_release unlocked;
  return {Registry<TokenCodec>::get().create(component, {})};
}

/// Name and options under which the same sizes are built anew.
std::pair<std::string, AnyDict> settings_of(const Core& core) {
  const auto codec = codec_of(core);
  if (const auto* encodec = dynamic_cast<const codecs::Encodec*>(codec.get())) {
    return {"encodec", AnyDict(from_node(config::write(encodec->config())))};
  }
  const auto* dac = dynamic_cast<const codecs::Dac*>(codec.get());
  MMI_CHECK(ConfigError, dac != nullptr, "this codec cannot be copied");
  return {"dac", AnyDict(from_node(config::write(dac->config())))};
}

torch::Tensor to_latents(const Core& core, const torch::Tensor& wave) {
  const auto codec = codec_of(core);
  const py::gil_scoped_release unlocked;
  return codec->to_latents(wave);
}

torch::Tensor from_latents(const Core& core, const torch::Tensor& latents) {
  const auto codec = codec_of(core);
  const py::gil_scoped_release unlocked;
  return codec->from_latents(latents);
}

/// Keeps the codec alive as long as its stream.
template <class Kind>
struct HeldStream {
  std::shared_ptr<TokenCodec> codec;
  std::unique_ptr<Kind> stream;
};

using Encoding = HeldStream<codecs::EncodeStream>;
using Decoding = HeldStream<codecs::DecodeStream>;

}  // namespace

void bind_codecs(py::module_& m) {
  using codecs::Encoded;
  py::class_<Encoded>(m, "Tokens", "Sound as tokens: what a codec's encode gives.")
      .def(
          py::init([](const torch::Tensor& codes,
                      const std::optional<torch::Tensor>& scales,
                      const std::vector<std::int64_t>& chunks,
                      std::int64_t length) {
            return Encoded{codes, scales.value_or(torch::Tensor()), chunks, length};
          }),
          py::arg("codes"),
          py::arg("scales") = py::none(),
          py::arg("chunks") = std::vector<std::int64_t>(),
          py::arg("length") = 0)
      .def_readonly("codes", &Encoded::codes, "(B,K,T) int64")
      .def_property_readonly(
          "scales",
          [](const Encoded& e) {
            return e.scales.defined() ? std::optional(e.scales) : std::nullopt;
          },
          "(B,chunks) float32 loudness of each chunk, where the codec takes it out; or None.")
      .def_readonly("chunks", &Encoded::chunks, "Frames of each chunk; empty without chunks.")
      .def_readonly("length", &Encoded::length, "Samples of the waveform.");
  py::class_<codecs::CodecFormat>(m, "CodecFormat", "What a codec makes of sound.")
      .def_readonly("sample_rate_hz", &codecs::CodecFormat::sample_rate_hz)
      .def_readonly("channels", &codecs::CodecFormat::channels)
      .def_readonly("hop", &codecs::CodecFormat::hop, "Samples of a frame.")
      .def_readonly("codebooks", &codecs::CodecFormat::codebooks, "K")
      .def_readonly("codebook_size", &codecs::CodecFormat::codebook_size, "V")
      .def_property_readonly("frame_rate_hz", &codecs::CodecFormat::frame_rate_hz)
      .def(
          "kbps",
          &codecs::CodecFormat::kbps,
          py::arg("codebooks") = 0,
          "kbit/s of so many codebooks; 0: all.")
      .def(
          "codebooks_at",
          &codecs::CodecFormat::codebooks_at,
          py::arg("kbps"),
          "Codebooks that fit into a bandwidth, at least 1.");
  py::class_<Encoding>(m, "EncodeStream", "Waveform to tokens, piece by piece.")
      .def(
          "push",
          [](Encoding& s, const torch::Tensor& wave, bool last) {
            const py::gil_scoped_release unlocked;
            return s.stream->push(wave, last);
          },
          py::arg("wave"),
          py::arg("last") = false,
          "(B,C,n) → the frames that are complete by now.");
  py::class_<Decoding>(m, "DecodeStream", "Tokens to waveform, piece by piece.")
      .def(
          "push",
          [](Decoding& s, const Encoded& tokens, bool last) {
            const py::gil_scoped_release unlocked;
            return s.stream->push(tokens, last);
          },
          py::arg("tokens"),
          py::arg("last") = false,
          "Frames → (B,C,m), what no later frame changes.");
  m.def("create_codec", &create_codec, py::arg("name"), py::arg("options"));
  m.def("codec_settings", &settings_of, py::arg("codec"));
  m.def(
      "load_codec",
      [](const std::filesystem::path& path) {
        const py::gil_scoped_release unlocked;
        return Core{codecs::load_codec(path)};
      },
      py::arg("path"));
  m.def(
      "save_codec",
      [](const Core& core, const std::filesystem::path& folder) {
        const auto codec = codec_of(core);
        const py::gil_scoped_release unlocked;
        codecs::save_codec(*codec, folder);
      },
      py::arg("codec"),
      py::arg("folder"));
  m.def("codec_format", [](const Core& core) { return codec_of(core)->format(); });
  m.def(
      "codec_encode",
      [](const Core& core, const torch::Tensor& wave, std::int64_t codebooks) {
        const auto codec = codec_of(core);
        const py::gil_scoped_release unlocked;
        return codec->encode(wave, codebooks);
      },
      py::arg("codec"),
      py::arg("wave"),
      py::arg("codebooks"));
  m.def(
      "codec_decode",
      [](const Core& core, const Encoded& tokens) {
        const auto codec = codec_of(core);
        const py::gil_scoped_release unlocked;
        return codec->decode(tokens);
      },
      py::arg("codec"),
      py::arg("tokens"));
  m.def(
      "codec_encode_stream",
      [](const Core& core, std::int64_t codebooks) {
        auto codec = codec_of(core);
        auto stream = codec->encode_stream(codebooks);
        return std::make_unique<Encoding>(Encoding{std::move(codec), std::move(stream)});
      },
      py::arg("codec"),
      py::arg("codebooks"));
  m.def(
      "codec_decode_stream",
      [](const Core& core) {
        auto codec = codec_of(core);
        auto stream = codec->decode_stream();
        return std::make_unique<Decoding>(Decoding{std::move(codec), std::move(stream)});
      },
      py::arg("codec"));
  m.def("codec_latents", &to_latents, py::arg("codec"), py::arg("wave"));
  m.def("codec_from_latents", &from_latents, py::arg("codec"), py::arg("latents"));
  m.def(
      "codec_embed",
      [](const Core& core, const torch::Tensor& codes) { return codec_of(core)->embed(codes); },
      py::arg("codec"),
      py::arg("codes"));
  m.def("codec_vectors", [](const Core& core) { return codec_of(core)->token_vectors(); });
}

}  // namespace mmi::python
