#include "models/lm/caption_world.h"

#include <array>
#include <string_view>
#include <vector>

#include "mmi/base/errors.h"
#include "mmi/base/format.h"
#include "mmi/base/rng.h"
#include "mmi/models/lm/texts.h"

namespace mmi::models::lm {
namespace {

constexpr std::uint64_t kWorldSeed = 0x6c6d;
constexpr std::int64_t kWorldVersion = 1;

enum Place : unsigned { kStreet = 1, kHome = 2, kFarm = 4, kWater = 8, kStage = 16 };

struct Source {
  std::string_view one;
  std::string_view many;
  std::array<std::string_view, 3> acts;  // "bark": he "barks", they "bark"
  unsigned places;
};

constexpr std::array kSources = {
    Source{"dog", "dogs", {"bark", "growl", "whine"}, kStreet | kHome | kFarm},
    Source{"cat", "cats", {"meow", "purr", "hiss"}, kHome | kFarm},
    Source{"cow", "cows", {"moo", "low", "snort"}, kFarm},
    Source{"duck", "ducks", {"quack", "splash", "flap"}, kFarm | kWater},
    Source{"seagull", "seagulls", {"cry", "screech", "call"}, kWater},
    Source{"motorboat", "motorboats", {"hum", "roar", "rumble"}, kWater},
    Source{"car", "cars", {"honk", "rattle", "brake"}, kStreet},
    Source{"truck", "trucks", {"rumble", "beep", "roar"}, kStreet | kFarm},
    Source{"bicycle", "bicycles", {"ring", "squeak", "click"}, kStreet},
    Source{"kettle", "kettles", {"whistle", "boil", "click"}, kHome},
    Source{"clock", "clocks", {"tick", "chime", "ring"}, kHome},
    Source{"door", "doors", {"creak", "slam", "squeak"}, kHome | kStreet},
    Source{"child", "children", {"laugh", "shout", "sing"}, kStreet | kHome | kWater},
    Source{"singer", "singers", {"sing", "hum", "whistle"}, kStage | kStreet},
    Source{"violin", "violins", {"play", "squeak", "sing"}, kStage | kHome},
    Source{"drum", "drums", {"roll", "beat", "thump"}, kStage | kStreet},
    Source{"piano", "pianos", {"play", "ring", "tinkle"}, kStage | kHome},
    Source{"audience", "audiences", {"clap", "cheer", "murmur"}, kStage},
};

struct Scene {
  Place place;
  std::array<std::string_view, 3> where;
  std::array<std::string_view, 3> behind;
};

constexpr std::array kScenes = {
    Scene{
        kStreet,
        {"on a busy street", "in an alley", "at a crossing"},
        {"traffic passes by", "a siren fades away", "people walk past"}},
    Scene{
        kHome,
        {"in a kitchen", "in a small room", "behind a wall"},
        {"a radio plays softly", "water runs from a tap", "a fan hums"}},
    Scene{
        kFarm,
        {"in a barn", "on a field", "behind a fence"},
        {"wind blows", "chickens cluck", "a tractor idles"}},
    Scene{
        kWater,
        {"on a lake", "near the shore", "under a bridge"},
        {"waves lap against stones", "rain falls on the water", "wind blows"}},
    Scene{
        kStage,
        {"in a concert hall", "on a stage", "in a club"},
        {"an audience murmurs", "a bass plays", "someone coughs"}},
};

constexpr std::array<std::string_view, 5> kHow = {"loudly", "softly", "slowly", "again", "nearby"};
constexpr std::array<std::string_view, 4> kNumbers = {"two", "three", "four", "several"};
constexpr std::array<std::string_view, 4> kOften = {"once", "twice", "three times", "many times"};

template <class List>
const auto& pick(const List& list, Rng& rng) {
  return list[static_cast<std::size_t>(rng.integer(static_cast<std::int64_t>(list.size())))];
}

std::string with_article(std::string_view noun) {
  const bool vowel = std::string_view("aeiou").find(noun.front()) != std::string_view::npos;
  return std::string(vowel ? "an " : "a ").append(noun);
}

std::string third_person(std::string_view act) {
  const bool hissing = act.ends_with("s") || act.ends_with("sh") || act.ends_with("ch");
  if (act.ends_with("y") && act != "play") {
    return std::string(act.substr(0, act.size() - 1)).append("ies");
  }
  return std::string(act).append(hissing ? "es" : "s");
}

std::string caption(Rng& rng) {
  const Scene& scene = pick(kScenes, rng);
  std::vector<const Source*> fitting;
  for (const Source& source : kSources) {
    if ((source.places & scene.place) != 0) {
      fitting.push_back(&source);
    }
  }
  const Source& source = *pick(fitting, rng);
  const std::string_view act = pick(source.acts, rng);
  const bool many = rng.chance(0.4);
  std::string text = many ? std::string(pick(kNumbers, rng)).append(" ").append(source.many)
                          : with_article(source.one);
  text.append(" ").append(many ? std::string(act) : third_person(act));
  if (rng.chance(0.5)) {
    text.append(" ").append(rng.chance(0.6) ? pick(kHow, rng) : pick(kOften, rng));
  }
  if (rng.chance(0.7)) {
    text.append(" ").append(pick(scene.where, rng));
  }
  if (rng.chance(0.6)) {
    text.append(" while ").append(pick(scene.behind, rng));
  }
  return text.append(".\n");
}

class CaptionWorld : public Texts {
 public:
  explicit CaptionWorld(const CaptionWorldConfig& config) : config_(config) {}

  std::string split(const std::string& name) const override {
    const std::int64_t count = name == "train"   ? config_.train_captions
                               : name == "valid" ? config_.valid_captions
                               : name == "test"  ? config_.test_captions
                                                 : 0;
    MMI_CHECK(DataError, count > 0, "the captions have no split \"{}\"", name);
    const Rng rng = Rng(kWorldSeed).stream(name);
    std::string text;
    for (std::int64_t i = 0; i < count; ++i) {
      Rng own = rng.stream("caption", static_cast<std::uint64_t>(i));
      text += caption(own);
    }
    return text;
  }

  std::string fingerprint() const override {
    return format(
        "captions {} {} {} {}",
        kWorldVersion,
        config_.train_captions,
        config_.valid_captions,
        config_.test_captions);
  }

 private:
  CaptionWorldConfig config_;
};

}  // namespace

const config::Schema& CaptionWorldConfig::schema() {
  using C = CaptionWorldConfig;
  static const config::Schema made =
      config::Table<C>("caption_world", "captions of sounds from a small grammar")
          .field("train_captions", &C::train_captions, "to learn from", config::at_least(1))
          .field("valid_captions", &C::valid_captions, "to choose by", config::at_least(1))
          .field("test_captions", &C::test_captions, "to score on", config::at_least(1));
  return made;
}

void register_caption_world() {
  Registry<Texts>::get().add<CaptionWorldConfig>(
      "caption_world",
      "captions of sounds from a small grammar, no files",
      [](const CaptionWorldConfig& config, const Texts::BuildArgs&) {
        return std::make_shared<CaptionWorld>(config);
      });
}

}  // namespace mmi::models::lm
