#pragma once

namespace mmi::models::codec {

/// `mmi codec publish`: the codec of a finished training as a folder that transformers reads.
void register_publish_tool();

}  // namespace mmi::models::codec
