#include "mmi/models/lm/texts.h"

MMI_DEFINE_REGISTRY(mmi::models::lm::Texts)
