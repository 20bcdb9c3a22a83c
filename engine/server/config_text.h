/* config_text.h - texts of settings that are too long to be part of each copy of a configuration. */
#ifndef MOONPORT_CONFIG_TEXT_H
#define MOONPORT_CONFIG_TEXT_H

enum { CONFIG_TEXTS_MAX = 256 };

/* The same place for the same text, for the life of the program. NULL: there is no memory, or there are CONFIG_TEXTS_MAX
 * others. Any thread. */
const char *config_text_keep(const char *text);

#endif
