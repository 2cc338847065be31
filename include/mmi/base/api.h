#pragma once

// libmmi is built with hidden visibility: what carries MMI_API can be used from outside the
// library.
#define MMI_API __attribute__((visibility("default")))
