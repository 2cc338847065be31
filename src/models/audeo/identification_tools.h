#pragma once

namespace mmi::models::audeo {

void register_identification_tools();

}  // namespace mmi::models::audeo
