// Language models: mmi.lm.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>
#include <torch/csrc/utils/pybind.h>

#include <filesystem>
#include <optional>

#include "bindings.h"
#include "held.h"
#include "mmi/base/errors.h"
#include "mmi/lm/causal_lm.h"
#include "mmi/lm/files.h"
#include "mmi/lm/generate.h"
#include "mmi/nn/init_context.h"
#include "values.h"

namespace mmi::python {
namespace {

using lm::CausalLm;
using nn::decoding::KvCache;
using Tensor = torch::Tensor;
using MaybeTensor = std::optional<Tensor>;

std::shared_ptr<CausalLm> lm_of(const Core& core) {
  auto model = std::dynamic_pointer_cast<CausalLm>(core.module);
  MMI_CHECK(ConfigError, model != nullptr, "this network is no language model");
  return model;
}

Core create_lm(
    const std::string& name,
    const AnyDict& options,
    torch::ScalarType dtype,
    const torch::Device& device,
    bool draw,
    bool int8) {
  config::Node settings = to_node(options, "");
  settings.set("name", config::Node::text(name));
  config::Component<CausalLm> component;
  config::Problems problems;
  Registry<CausalLm>::get().read_component(
      component.name, component.config, settings, "", problems);
  problems.throw_if_any();
  const py::gil_scoped_release unlocked;
  const nn::InitContext context({.device = device, .dtype = dtype, .draw = draw});
  auto model = Registry<CausalLm>::get().create(component, {});
  if (int8) {
    const torch::NoGradGuard no_grad;
    for (const auto& [name, layer] : model->products()) {
      layer->weight.zero_();  // undrawn memory may hold what cannot be quantised
      layer->quantize_int8();
    }
  }
  return {model};
}

Core load_lm(
    const std::filesystem::path& folder,
    std::optional<torch::ScalarType> dtype,
    const torch::Device& device,
    bool int8) {
  const py::gil_scoped_release unlocked;
  lm::LoadOptions options{.dtype = dtype, .device = device};
  if (int8) {
    options.on_layer = [](nn::MatrixLayer& layer) { layer.quantize_int8(); };
  }
  return {lm::load_causal_lm(folder, options)};
}

Tensor forward(
    const Core& core,
    const Tensor& input,
    const std::optional<std::shared_ptr<KvCache>>& cache,
    const MaybeTensor& mask,
    bool last_only) {
  const auto model = lm_of(core);
  const py::gil_scoped_release unlocked;
  return model->forward(
      input,
      {.cache = cache ? cache->get() : nullptr,
       .real = mask.value_or(Tensor()),
       .last_only = last_only});
}

std::vector<std::vector<std::int64_t>> generate(
    const Core& core,
    const std::vector<std::vector<std::int64_t>>& prompts,
    const std::vector<MaybeTensor>& embeddings,
    std::int64_t max_new_tokens,
    const AnyDict& sampling,
    const std::vector<std::uint64_t>& seeds,
    const std::vector<std::int64_t>& stop_ids,
    const py::object& on_token) {
  const auto model = lm_of(core);
  lm::GenerateRequest request;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    request.prompts.push_back(
        {prompts[i], i < embeddings.size() ? embeddings[i].value_or(Tensor()) : Tensor()});
  }
  request.max_new_tokens = max_new_tokens;
  request.sampling = config::read<nn::decoding::SamplingConfig>(to_node(sampling, ""));
  request.seeds = seeds;
  request.stop_ids = stop_ids;
  // Called in any case, so that Ctrl-C ends a generation.
  request.on_token = [&](const std::vector<std::int64_t>& ids) {
    return goes_on("on_token", on_token, ids);
  };
  const py::gil_scoped_release unlocked;
  return lm::generate(*model, request).ids;
}

}  // namespace

void bind_lm(py::module_& m) {
  py::class_<KvCache, std::shared_ptr<KvCache>>(
      m, "KvCache", "Keys and values of a text so far (mmi.lm.CausalLM.make_cache).")
      .def_property_readonly("length", &KvCache::length, "Columns that are there.")
      .def_property_readonly("capacity", &KvCache::capacity, "Columns that fit.")
      .def("crop", &KvCache::crop, py::arg("n"), "Forgets the columns from n on.")
      .def(
          "reorder",
          &KvCache::reorder,
          py::arg("index"),
          "Sample b continues what sample index[b] was, as beam search wants it.");
  m.def(
      "create_lm",
      &create_lm,
      py::arg("name"),
      py::arg("options"),
      py::arg("dtype"),
      py::arg("device"),
      py::arg("draw"),
      py::arg("int8"),
      "int8: linear layers of zeros, to be filled by a copy's values.");
  m.def(
      "load_lm",
      &load_lm,
      py::arg("folder"),
      py::arg("dtype"),
      py::arg("device"),
      py::arg("int8"),
      "dtype None: the file's.");
  m.def(
      "save_lm",
      [](const Core& core, const std::filesystem::path& folder) {
        const auto model = lm_of(core);
        const py::gil_scoped_release unlocked;
        lm::save_causal_lm(*model, folder);
      },
      py::arg("model"),
      py::arg("folder"));
  m.def(
      "lm_config",
      [](const Core& core) { return AnyDict(from_node(config::write(lm_of(core)->config()))); },
      py::arg("model"));
  m.def(
      "published_lm",
      [](const std::string& name) {
        return AnyDict(from_node(config::write(lm::published(name))));
      },
      py::arg("name"),
      "Configuration of a published size.");
  m.def(
      "lm_forward",
      &forward,
      py::arg("model"),
      py::arg("input"),
      py::arg("cache"),
      py::arg("mask"),
      py::arg("last_only"));
  m.def(
      "lm_embed",
      [](const Core& core, const Tensor& ids) {
        const auto model = lm_of(core);
        const py::gil_scoped_release unlocked;
        return model->embed(ids);
      },
      py::arg("model"),
      py::arg("ids"));
  m.def(
      "lm_embedding_scale",
      [](const Core& core) { return lm_of(core)->embedding_scale(); },
      py::arg("model"));
  m.def(
      "lm_make_cache",
      [](const Core& core, std::int64_t batch, std::int64_t columns) {
        return std::make_shared<KvCache>(lm_of(core)->make_cache(batch, columns));
      },
      py::arg("model"),
      py::arg("batch"),
      py::arg("columns"));
  m.def(
      "lm_generate",
      &generate,
      py::arg("model"),
      py::arg("prompts"),
      py::arg("embeddings"),
      py::arg("max_new_tokens"),
      py::arg("sampling"),
      py::arg("seeds"),
      py::arg("stop_ids"),
      py::arg("on_token"),
      "New ids of each prompt.");
}

}  // namespace mmi::python
