#include "mmi/base/config_node.h"
#include "mmi/base/errors.h"
#include "mmi/worlds/rooms/material.h"

namespace mmi::worlds::rooms {
namespace {

Material make(const char* name, const char* category, double scattering, std::array<float, 7> a) {
  // Tables begin at 125 Hz; 63 Hz takes the same value.
  return {name, category, {a[0], a[0], a[1], a[2], a[3], a[4], a[5], a[6]}, scattering};
}

}  // namespace

const std::vector<Material>& material_library() {
  static const std::vector<Material> made{
      make("hard_wall", "wall", 0.05, {.02F, .02F, .03F, .03F, .04F, .05F, .05F}),
      make("brick", "wall", 0.12, {.03F, .03F, .03F, .04F, .05F, .07F, .07F}),
      make("plasterboard", "wall", 0.08, {.15F, .10F, .06F, .04F, .04F, .05F, .05F}),
      make("wallpaper_on_plasterboard", "wall", 0.10, {.15F, .11F, .08F, .07F, .08F, .10F, .12F}),
      make("wood_lining", "wall", 0.10, {.27F, .23F, .22F, .15F, .10F, .07F, .06F}),
      make("acoustic_plaster", "wall", 0.15, {.17F, .36F, .66F, .65F, .62F, .68F, .68F}),
      make("bookshelf", "wall", 0.20, {.30F, .35F, .35F, .33F, .32F, .30F, .30F}),
      make("tiles", "wall", 0.05, {.01F, .01F, .01F, .02F, .02F, .02F, .02F}),
      make("linoleum", "floor", 0.05, {.02F, .03F, .03F, .03F, .03F, .02F, .02F}),
      make("parquet", "floor", 0.06, {.04F, .04F, .07F, .06F, .06F, .07F, .07F}),
      make("floorboards", "floor", 0.10, {.15F, .11F, .10F, .07F, .06F, .07F, .07F}),
      make("thin_carpet", "floor", 0.10, {.02F, .04F, .08F, .20F, .35F, .40F, .40F}),
      make("carpet_on_foam", "floor", 0.15, {.03F, .09F, .25F, .31F, .33F, .44F, .44F}),
      make("tufted_carpet", "floor", 0.20, {.10F, .40F, .62F, .70F, .63F, .88F, .88F}),
      make("plaster_ceiling", "ceiling", 0.05, {.14F, .10F, .06F, .05F, .04F, .03F, .03F}),
      make("fissured_tile", "ceiling", 0.15, {.49F, .53F, .53F, .75F, .92F, .99F, .99F}),
      make("perforated_panel", "ceiling", 0.15, {.25F, .45F, .55F, .50F, .45F, .40F, .35F}),
      make("concrete", "ceiling", 0.10, {.01F, .01F, .02F, .02F, .02F, .03F, .03F}),
      make("glass", "window", 0.05, {.10F, .05F, .04F, .03F, .03F, .03F, .03F}),
      make("cotton_curtain", "window", 0.20, {.30F, .45F, .65F, .56F, .59F, .71F, .71F}),
      make("wooden_door", "window", 0.08, {.14F, .10F, .06F, .08F, .10F, .10F, .10F}),
      make("upholstered_chairs", "furniture", 0.50, {.44F, .60F, .77F, .89F, .82F, .70F, .70F}),
      make("wooden_chairs", "furniture", 0.40, {.05F, .08F, .10F, .12F, .12F, .12F, .12F}),
      make("cabinet", "furniture", 0.30, {.20F, .15F, .10F, .08F, .07F, .06F, .06F}),
  };
  return made;
}

const Material& find_material(const std::string& name) {
  std::vector<std::string> names;
  for (const Material& material : material_library()) {
    if (material.name == name) {
      return material;
    }
    names.push_back(material.name);
  }
  const std::string near = config::nearest(name, names);
  throw ConfigError(format(
      "there is no material \"{}\"{}; mmi rooms materials lists them",
      name,
      near.empty() ? "" : format(" (did you mean \"{}\"?)", near)));
}

const Bands& air_attenuation() {
  static const Bands made{.1e-3F, .1e-3F, .3e-3F, .6e-3F, 1.0e-3F, 1.7e-3F, 4.1e-3F, 13.5e-3F};
  return made;
}

}  // namespace mmi::worlds::rooms
