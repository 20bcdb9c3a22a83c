/* http_type.h - the media type of a file, by the extension of its name. Pure. */
#ifndef MOONPORT_HTTP_TYPE_H
#define MOONPORT_HTTP_TYPE_H

/* Static; "application/octet-stream" if the extension is not known. Extensions are compared in any case. Text is taken
 * for UTF-8. */
const char *http_type_of(const char *path);

#endif
