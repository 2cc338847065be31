// Networks: what mmi.Model mirrors, and building parts by name.
#include <pybind11/stl.h>
#include <torch/csrc/utils/pybind.h>

#include <sstream>

#include "bindings.h"
#include "mmi/base/errors.h"
#include "mmi/encoders/encoder.h"
#include "mmi/heads/head.h"
#include "mmi/models/audeo/frame_model.h"
#include "mmi/models/audeo/onsets_frames.h"
#include "mmi/models/audeo/roll2midi.h"
#include "mmi/models/audeo/video2roll.h"
#include "mmi/nn/state.h"
#include "mmi/nn/unary_module.h"
#include "values.h"

namespace mmi::python {
namespace {

using Named = std::vector<std::pair<std::string, torch::Tensor>>;

/// "Video2RollNet" of mmi::models::audeo::Video2RollNet, "Conv2d" of torch::nn::Conv2dImpl.
std::string short_name(const torch::nn::Module& module) {
  if (const auto* part = dynamic_cast<const PythonPart*>(&module)) {
    return part->class_name;
  }
  std::string name = module.name();
  if (const auto colons = name.rfind("::"); colons != std::string::npos) {
    name = name.substr(colons + 2);
  }
  if (name.ends_with("Impl")) {
    name.resize(name.size() - 4);
  }
  return name;
}

/// What stands in the brackets when a layer prints itself.
std::string options_text(const torch::nn::Module& module) {
  if (!module.children().empty()) {
    return "";
  }
  std::ostringstream stream;
  stream << module;
  const std::string text = stream.str();
  const auto open = text.find('(');
  const auto close = text.rfind(')');
  return open == std::string::npos || close == std::string::npos || close < open
             ? ""
             : text.substr(open + 1, close - open - 1);
}

torch::Tensor forward(const Core& core, const torch::Tensor& input) {
  auto* network = dynamic_cast<nn::UnaryModule*>(core.module.get());
  MMI_CHECK(
      ConfigError,
      network != nullptr,
      "{} cannot be called from Python by itself; call the network that contains it",
      short_name(*core.module));
  const py::gil_scoped_release unlocked;
  return network->forward(input);
}

/// Named maps on the way to the output, as the published code calls them.
Named activations(const Core& core, const torch::Tensor& input) {
  namespace audeo = models::audeo;
  const py::gil_scoped_release unlocked;
  Named maps;
  const auto add = [&maps](const std::string& name, const torch::Tensor& map) {
    if (map.defined()) {
      maps.emplace_back(name, map);
    }
  };
  if (auto* net = dynamic_cast<audeo::Video2RollNet*>(core.module.get())) {
    const auto a = net->activations(input);
    add("layer1", a.layer1);
    add("layer2", a.layer2);
    add("layer3", a.layer3);
    add("layer4", a.layer4);
    add("toplayer_relu", a.toplayer_relu);
    add("p4", a.p4);
    add("p3", a.p3);
    add("p2", a.p2);
    add("softmax_times_p4", a.softmax_times_p4);
    add("before_fc", a.before_fc);
    add("logits", a.logits);
  } else if (auto* generator = dynamic_cast<audeo::Roll2MidiGenerator*>(core.module.get())) {
    const auto a = generator->activations(input);
    for (std::size_t i = 0; i < a.down.size(); ++i) {
      add(format("down{}", i + 1), a.down[i]);
    }
    for (std::size_t i = 0; i < a.up.size(); ++i) {
      add(format("up{}", i + 1), a.up[i]);
    }
    add("before_sigmoid", a.before_sigmoid);
    add("midi", a.midi);
  } else if (auto* ears = dynamic_cast<audeo::OnsetsAndFrames*>(core.module.get())) {
    const auto heard = ears->transcribe(input);
    add("onset", heard.onset);
    add("offset", heard.offset);
    add("activation", heard.activation);
    add("frame", heard.frame);
    add("velocity", heard.velocity);
  } else {
    MMI_CHECK(ConfigError, false, "{} names no activations", short_name(*core.module));
  }
  return maps;
}

template <class T>
void read_all(const config::Schema& schema, const config::Node& node, T& value) {
  config::Problems problems;
  schema.read(&value, node, "", problems);
  problems.throw_if_any();
}

template <class Interface>
Core create_part(
    const std::string& name, config::Node options, const typename Interface::BuildArgs& args) {
  options.set("name", config::Node::text(name));
  config::Component<Interface> component;
  config::Problems problems;
  Registry<Interface>::get().read_component(
      component.name, component.config, options, "", problems);
  problems.throw_if_any();
  return {Registry<Interface>::get().create(component, args)};
}

Core create_frame_model(
    const std::string& name, const config::Node& options, const config::Node& shape) {
  using Args = models::audeo::FrameModel::BuildArgs;
  static const config::Schema schema =
      config::Table<Args>("shape", "of the frames and the output")
          .field("frames", &Args::frames, "stacked frames", config::at_least(1))
          .field("height", &Args::height, "in pixels", config::at_least(1))
          .field("width", &Args::width, "in pixels", config::at_least(1))
          .field("keys", &Args::keys, "outputs", config::at_least(1));
  Args args;
  read_all(schema, shape, args);
  return create_part<models::audeo::FrameModel>(name, options, args);
}

Core create_encoder(
    const std::string& name, const config::Node& options, const config::Node& shape) {
  using Args = encoders::Encoder::BuildArgs;
  static const config::Schema schema =
      config::Table<Args>("shape", "of the pictures")
          .field("in_channels", &Args::in_channels, "channels or frames", config::at_least(1))
          .field("height", &Args::height, "in pixels", config::at_least(1))
          .field("width", &Args::width, "in pixels", config::at_least(1));
  Args args;
  read_all(schema, shape, args);
  return create_part<encoders::Encoder>(name, options, args);
}

Core create_head(const std::string& name, const config::Node& options, const config::Node& shape) {
  using Args = heads::Head::BuildArgs;
  static const config::Schema schema =
      config::Table<Args>("shape", "of features and output")
          .field("in_features", &Args::in_features, "D", config::at_least(1))
          .field("out_features", &Args::out_features, "K", config::at_least(1));
  Args args;
  read_all(schema, shape, args);
  return create_part<heads::Head>(name, options, args);
}

/// Networks that belong to one system and fill no slot.
Core create_network(const std::string& name, const config::Node& options) {
  namespace audeo = models::audeo;
  if (name == "roll2midi_generator") {
    const auto config = config::read<audeo::Roll2MidiGeneratorConfig>(options);
    return {std::make_shared<audeo::Roll2MidiGenerator>(config)};
  }
  if (name == "roll2midi_discriminator") {
    const auto config = config::read<audeo::Roll2MidiDiscriminatorConfig>(options);
    return {std::make_shared<audeo::Roll2MidiDiscriminator>(config)};
  }
  if (name == "onsets_and_frames") {
    return {
        std::make_shared<audeo::OnsetsAndFrames>(config::read<audeo::OnsetsFramesConfig>(options))};
  }
  throw ConfigError(format(
      "no network is called \"{}\"; known: onsets_and_frames, roll2midi_discriminator, "
      "roll2midi_generator",
      name));
}

Core create(
    const std::string& kind,
    const std::string& name,
    const AnyDict& options,
    const AnyDict& shape) {
  const config::Node settings = to_node(options, "");
  const config::Node sizes = to_node(shape, "");
  // Parts registered from Python take the GIL themselves.
  const py::gil_scoped_release unlocked;
  if (kind == "frame_model") {
    return create_frame_model(name, settings, sizes);
  }
  if (kind == "encoder") {
    return create_encoder(name, settings, sizes);
  }
  if (kind == "head") {
    return create_head(name, settings, sizes);
  }
  MMI_CHECK(
      ConfigError,
      kind == "network",
      "networks are of the kinds frame_model, encoder, head and network, not \"{}\"",
      kind);
  MMI_CHECK(ConfigError, sizes.members.empty(), "{} takes no sizes", name);
  return create_network(name, settings);
}

}  // namespace

void bind_nn(py::module_& m) {
  py::class_<Core>(m, "Core", "A network of the C++ core; mmi.Model mirrors it.")
      .def_property_readonly("name", [](const Core& c) { return short_name(*c.module); })
      .def_property_readonly("options", [](const Core& c) { return options_text(*c.module); })
      .def_property_readonly(
          "key",
          [](const Core& c) { return reinterpret_cast<std::uintptr_t>(c.module.get()); },
          "The same for two views of one network.")
      .def_property_readonly("training", [](const Core& c) { return c.module->is_training(); })
      .def(
          "train", [](const Core& c, bool on) { c.module->train(on); }, py::arg("on"))
      .def(
          "parameters",
          [](const Core& c) -> Named {
            Named list;
            for (const auto& item : c.module->named_parameters(/*recurse=*/false)) {
              list.emplace_back(item.key(), item.value());
            }
            return list;
          },
          "Its own parameters, without those of its parts.")
      .def(
          "buffers",
          [](const Core& c) -> Named {
            Named list;
            for (const auto& item : c.module->named_buffers(/*recurse=*/false)) {
              list.emplace_back(item.key(), item.value());
            }
            return list;
          },
          "Its own buffers, without those of its parts.")
      .def(
          "children",
          [](const Core& c) {
            std::vector<std::pair<std::string, Core>> list;
            for (const auto& item : c.module->named_children()) {
              list.emplace_back(item.key(), Core{item.value()});
            }
            return list;
          })
      .def(
          "state_names",
          [](const Core& c) {
            std::vector<std::string> names;
            for (const nn::StateEntry& entry : nn::state_of(*c.module)) {
              names.push_back(entry.name);
            }
            return names;
          },
          "Names of all parameters and buffers, in the order of checkpoints.")
      .def("forward", &forward, py::arg("input"))
      .def("activations", &activations, py::arg("input"), "Named maps on the way to the output.");
  m.def(
      "create",
      &create,
      py::arg("kind"),
      py::arg("name"),
      py::arg("options"),
      py::arg("shape"),
      "Builds a registered network.");
  m.def(
      "log_mel",
      [](const torch::Tensor& samples) {
        const py::gil_scoped_release unlocked;
        return models::audeo::log_mel(samples);
      },
      py::arg("samples"),
      "The transcriber's front end.");
  m.def(
      "registered",
      []() {
        std::map<std::string, std::vector<std::pair<std::string, std::string>>> kinds;
        for (const auto& [kind, registry] : RegistryBase::all()) {
          auto& list = kinds[kind];
          for (const auto& entry : registry->entries()) {
            list.emplace_back(entry.name, entry.doc);
          }
        }
        return kinds;
      },
      "Kind → names and descriptions of all parts.");
}

}  // namespace mmi::python
