#include "scripts/handler.h"

const char *const handler_names[HANDLERS] = {HANDLER_NAMES};
