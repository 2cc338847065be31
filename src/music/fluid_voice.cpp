#include "music/fluid_voice.h"

#include "mmi/base/errors.h"

#ifdef MMI_WITH_SYNTH
#include <fluidsynth.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>
#include <tuple>
#endif

namespace mmi::music {

#ifdef MMI_WITH_SYNTH
namespace {

struct Event {
  std::int64_t sample;
  bool on;
  int pitch;
  int velocity;
};

struct Deleter {
  void operator()(fluid_settings_t* settings) const {
    delete_fluid_settings(settings);
  }

  void operator()(fluid_synth_t* synth) const {
    delete_fluid_synth(synth);
  }
};

using Settings = std::unique_ptr<fluid_settings_t, Deleter>;
using Synth = std::unique_ptr<fluid_synth_t, Deleter>;

// FluidSynth writes to stderr by itself; what matters is thrown instead.
void silence_log() {
  static std::once_flag once;
  std::call_once(once, [] {
    for (const int level : {FLUID_PANIC, FLUID_ERR, FLUID_WARN, FLUID_INFO, FLUID_DBG}) {
      fluid_set_log_function(level, [](int, const char*, void*) {}, nullptr);
    }
  });
}

Settings make_settings(std::int64_t sample_rate_hz) {
  MMI_CHECK(
      ConfigError,
      sample_rate_hz >= 8000 && sample_rate_hz <= 96000,
      "FluidSynth renders at 8000 to 96000 Hz, but sample_rate_hz is {}",
      sample_rate_hz);
  Settings settings(new_fluid_settings());
  MMI_ASSERT(settings != nullptr);
  auto* s = settings.get();
  fluid_settings_setnum(s, "synth.sample-rate", static_cast<double>(sample_rate_hz));
  fluid_settings_setint(s, "synth.reverb.active", 0);
  fluid_settings_setint(s, "synth.chorus.active", 0);
  fluid_settings_setint(s, "synth.polyphony", 512);
  fluid_settings_setint(s, "synth.cpu-cores", 1);
  fluid_settings_setint(s, "synth.threadsafe-api", 0);
  fluid_settings_setint(s, "synth.lock-memory", 0);
  fluid_settings_setint(s, "synth.dynamic-sample-loading", 1);
  fluid_settings_setnum(s, "synth.gain", 0.4);
  return settings;
}

std::vector<Event> make_events(const Notes& notes, std::int64_t sample_rate_hz) {
  const auto sample = [&](double time_s) {
    return std::llround(time_s * static_cast<double>(sample_rate_hz));
  };
  std::vector<Event> events;
  for (const auto& note : notes) {
    const std::int64_t on = sample(note.onset_s);
    events.push_back({on, true, note.pitch, note.velocity});
    events.push_back(
        {std::max(on + 1, static_cast<std::int64_t>(sample(note.offset_s))), false, note.pitch, 0});
  }
  std::sort(events.begin(), events.end(), [](const Event& a, const Event& b) {
    return std::tie(a.sample, a.on, a.pitch) < std::tie(b.sample, b.on, b.pitch);
  });
  return events;
}

}  // namespace

bool fluid_built_in() {
  return true;
}

std::vector<float> render_fluid(
    const Notes& notes,
    int program,
    const std::string& soundfont,
    std::int64_t sample_rate_hz,
    std::int64_t samples) {
  silence_log();
  const Settings settings = make_settings(sample_rate_hz);
  const Synth synth(new_fluid_synth(settings.get()));
  MMI_ASSERT(synth != nullptr);
  MMI_CHECK(
      DataError,
      fluid_synth_sfload(synth.get(), soundfont.c_str(), 1) != FLUID_FAILED,
      "{}: not a sound font that FluidSynth can read: pass a .sf2 file",
      soundfont);
  fluid_synth_program_change(synth.get(), 0, program);
  std::vector<float> left(static_cast<std::size_t>(samples));
  std::vector<float> right(left.size());
  std::int64_t now = 0;
  const auto write_until = [&](std::int64_t end) {
    end = std::min(end, samples);
    if (end > now) {
      const int offset = static_cast<int>(now);
      fluid_synth_write_float(
          synth.get(),
          static_cast<int>(end - now),
          left.data(),
          offset,
          1,
          right.data(),
          offset,
          1);
      now = end;
    }
  };
  for (const auto& event : make_events(notes, sample_rate_hz)) {
    write_until(event.sample);
    if (event.on) {
      fluid_synth_noteon(synth.get(), 0, event.pitch, event.velocity);
    } else {
      fluid_synth_noteoff(synth.get(), 0, event.pitch);
    }
  }
  write_until(samples);
  for (std::size_t i = 0; i < left.size(); ++i) {
    left[i] = 0.5F * (left[i] + right[i]);
  }
  return left;
}

#else

bool fluid_built_in() {
  return false;
}

std::vector<float> render_fluid(const Notes&, int, const std::string&, std::int64_t, std::int64_t) {
  throw NotBuiltError(
      "this build has no FluidSynth: configure with -DMMI_SYNTH=ON, or use the builtin voice");
}

#endif

}  // namespace mmi::music
