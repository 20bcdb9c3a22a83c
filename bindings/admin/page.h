/* page.h - the admin's page, page.html, as the build embeds it.
 *
 * Whoever sends it puts a fresh nonce in the place of each of the two ADMIN_PAGE_NONCE (in the tags of its style and
 * its script), and the same in the answer's Content-Security-Policy:
 *
 *     default-src 'none'; script-src 'nonce-N'; style-src 'nonce-N'; connect-src 'self'; img-src data:;
 *     base-uri 'none'; form-action 'none'; frame-ancestors 'none'
 */
#ifndef MOONPORT_PAGE_H
#define MOONPORT_PAGE_H

#include <stddef.h>

#define ADMIN_PAGE_NONCE "@NONCE@"

extern const char admin_page[]; /* UTF-8, with a NUL behind it */
extern const size_t admin_page_size;

#endif
