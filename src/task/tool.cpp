#include "mmi/task/tool.h"

MMI_DEFINE_REGISTRY(mmi::Tool)
