#include "mmi/base/errors.h"
#include "mmi/worlds/rooms/scene_io.h"
#include "models/xrir/rooms_tools.h"

namespace mmi::models::xrir {
namespace {

namespace rooms = worlds::rooms;

class RoomsMaterials : public Tool {
 public:
  std::string usage() const override {
    return "[library.json …] [--out FILE.json]";
  }

  std::string examples() const override {
    return "mmi rooms materials\n"
           "mmi rooms materials --out room.materials.json   # to be edited, beside room.obj\n"
           "mmi rooms materials material_library/Walls.json   # of AcousticRooms";
  }

  ToolResult run(const ToolCall& call) override {
    std::vector<rooms::Material> materials;
    for (const auto& input : call.inputs) {
      for (rooms::Material& material : rooms::read_materials(input)) {
        materials.push_back(std::move(material));
      }
    }
    if (call.inputs.empty()) {
      materials = rooms::material_library();
    }
    std::vector<std::vector<std::string>> rows{{"material", "category", "scattering"}};
    for (const double hz : rooms::kBandCentres_hz) {
      rows[0].push_back(format("{:g}", hz));
    }
    rows[0].back() += " Hz";
    nlohmann::ordered_json json = nlohmann::ordered_json::array();
    for (const rooms::Material& material : materials) {
      rows.push_back({material.name, material.category, format("{:.2f}", material.scattering)});
      for (const float a : material.absorption) {
        rows.back().push_back(format("{:.2f}", a));
      }
      rows.back().back() += "   ";
      json.push_back(
          {{"name", material.name},
           {"category", material.category},
           {"absorption", material.absorption},
           {"scattering", material.scattering}});
    }
    ToolResult result;
    result.lines = lines_of(rows);
    result.json = nlohmann::ordered_json{{"materials", json}}.dump();
    if (!call.out.empty()) {
      Outputs outputs;
      outputs.add(call.out, rooms::encode_materials(materials), "materials, to be edited");
      outputs.write(result);
    }
    return result;
  }
};

}  // namespace

const config::Schema& RoomsMaterialsConfig::schema() {
  static const config::Schema made =
      config::Table<RoomsMaterialsConfig>("rooms/materials", "absorption and scattering");
  return made;
}

std::shared_ptr<Tool> make_rooms_materials(const RoomsMaterialsConfig&) {
  return std::make_shared<RoomsMaterials>();
}

}  // namespace mmi::models::xrir
