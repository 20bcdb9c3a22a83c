/* The page, with a nonce that allows its script and style, and no others. */
#include "admin/page.h"
#include "admin/show.h"
#include "system/system.h"

#include <stdio.h>

enum { NONCE_BYTES = 16 };

static const char mark[] = ADMIN_PAGE_NONCE;

/* Copies the page up to the mark, and the nonce in its place, until there is none. */
static bool write_page(struct buffer *out, const char *nonce)
{
    const char *next = admin_page, *found;
    while ((found = strstr(next, mark)) != NULL) {
        if (!buffer_add_bytes(out, span_of(next, (size_t)(found - next))) ||
            !buffer_add_bytes(out, span_text(nonce)))
            return false;
        next = found + sizeof mark - 1;
    }
    return buffer_add_bytes(out, span_text(next));
}

void show_page(void *context, const struct admin_request *request, struct admin_answer *answer)
{
    uint8_t bytes[NONCE_BYTES];
    char nonce[2 * NONCE_BYTES + 1];
    (void)context, (void)request;
    if (!system_random(bytes, sizeof bytes)) {
        answer_refusal(answer, 500, "the system has no random numbers");
        return;
    }
    for (size_t i = 0; i < sizeof bytes; i++) snprintf(nonce + 2 * i, 3, "%02x", bytes[i]);
    answer->type = answer_html;
    snprintf(answer->fields, sizeof answer->fields,
             "Content-Security-Policy: default-src 'none'; script-src 'nonce-%s'; style-src "
             "'nonce-%s'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
             "frame-ancestors 'none'\r\n",
             nonce, nonce);
    if (!write_page(&answer->body, nonce)) answer->failed = true;
}
