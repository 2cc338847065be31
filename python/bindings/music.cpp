// Notes, rolls and sound.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>
#include <torch/csrc/utils/pybind.h>

#include "bindings.h"
#include "mmi/base/format.h"
#include "mmi/music/midi.h"
#include "mmi/music/names.h"
#include "mmi/music/roll.h"
#include "mmi/music/synth.h"

namespace mmi::python {
namespace {

using music::Note;
using music::Notes;

torch::Tensor notes_to_roll(
    const Notes& notes, double fps, std::int64_t frames, int low_pitch, int keys) {
  return music::notes_to_roll(
      notes, {.fps = fps, .frames = frames, .low_pitch = low_pitch, .keys = keys});
}

Notes roll_to_notes(
    const torch::Tensor& roll,
    int low_pitch,
    double fps,
    int velocity,
    const std::optional<torch::Tensor>& onsets) {
  return music::roll_to_notes(roll, low_pitch, fps, velocity, onsets.value_or(torch::Tensor()));
}

torch::Tensor render(
    const Notes& notes, std::int64_t sample_rate_hz, int program, const std::string& instrument) {
  const py::gil_scoped_release unlocked;
  const std::vector<float> samples = music::render(
      notes, {.sample_rate_hz = sample_rate_hz, .program = program, .instrument = instrument});
  return torch::tensor(samples);
}

}  // namespace

void bind_music(py::module_& m) {
  py::class_<Note>(m, "Note", "One sounded note; times in seconds, pitch as MIDI number (60 = C4).")
      .def(
          py::init([](double onset_s, double offset_s, int pitch, int velocity) {
            return Note{onset_s, offset_s, pitch, velocity};
          }),
          py::arg("onset_s"),
          py::arg("offset_s"),
          py::arg("pitch"),
          py::arg("velocity") = 100)
      .def_readwrite("onset_s", &Note::onset_s)
      .def_readwrite("offset_s", &Note::offset_s)
      .def_readwrite("pitch", &Note::pitch)
      .def_readwrite("velocity", &Note::velocity)
      .def(
          "__eq__",
          [](const Note& a, const py::object& b) {
            return py::isinstance<Note>(b) && a == py::cast<Note>(b);
          },
          py::arg("other"))
      .def("__repr__", [](const Note& n) {
        return format(
            "Note({}, {:.3f}..{:.3f} s, velocity {})",
            n.pitch >= 0 && n.pitch < 128 ? music::key_name(n.pitch) : format("{}", n.pitch),
            n.onset_s,
            n.offset_s,
            n.velocity);
      });
  m.def(
      "notes_to_roll",
      &notes_to_roll,
      py::arg("notes"),
      py::arg("fps") = 25.0,
      py::arg("frames") = 0,
      py::arg("low_pitch") = 21,
      py::arg("keys") = 88,
      "Piano roll (F,K) uint8, 1 where a key sounds; frames = 0: as many as the notes need.");
  m.def(
      "roll_to_notes",
      &roll_to_notes,
      py::arg("roll"),
      py::arg("low_pitch") = 21,
      py::arg("fps") = 25.0,
      py::arg("velocity") = 100,
      py::arg("onsets") = py::none(),
      "Notes of a roll (F,K): values above 0.5 sound; `onsets` (F,K) splits keys struck again.");
  m.def(
      "read_notes",
      &music::read_notes,
      py::arg("path"),
      py::arg("sustain_pedal") = false,
      "The pitched notes of a MIDI file.");
  m.def(
      "write_notes",
      &music::write_notes,
      py::arg("path"),
      py::arg("notes"),
      py::arg("program") = 0,
      py::arg("tempo_bpm") = 120.0,
      "Writes a MIDI file.");
  m.def(
      "render",
      &render,
      py::arg("notes"),
      py::arg("sample_rate_hz") = 16000,
      py::arg("program") = 0,
      py::arg("instrument") = "",
      "Mono sound (N) float32 in (-1, 1); `instrument` is a General MIDI name.");
  m.def("key_name", &music::key_name, py::arg("pitch"), "\"C4\" for 60.");
}

}  // namespace mmi::python
