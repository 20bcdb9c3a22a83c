/* What comes over the wire to the filter of TLS, from a peer that may be anybody: in any pieces, with any room, and with memory
 * that may be short.
 *
 *     input:  how the pieces are cut (fuzz_pieces.h) | room | memory, in KiB | the bytes
 */
#include "fuzz_pieces.h"
#include "stream/tls.h"

enum { ROOM_MAX = 256 };

static struct tls_source *source;

/* Once: certificates are not what is tried here. */
static bool begin(void)
{
    static struct tls_source made;
    struct tls_settings settings;
    struct error error;
    if (source != NULL) return true;
    check(tls_settings_read(&settings, "self-signed", &error));
    struct tls_context *context = tls_context_make(&settings, ".", &error);
    if (context == NULL) return false; /* built without OpenSSL */
    check(tls_source_open(&made, context));
    source = &made;
    return true;
}

static void take_all(struct filter *filter, struct span wire, uint8_t *room, size_t size)
{
    while (wire.size > 0 && filter->state != FILTER_BROKEN && filter->state != FILTER_ENDED) {
        bool opening = filter->state == FILTER_OPENING;
        uint8_t before = filter->state;
        struct filter_step step =
            filter->kind->take(filter, wire, opening ? NULL : room, opening ? 0 : size);
        check(step.used <= wire.size);
        check(step.made <= (opening ? 0 : size));
        check(step.used > 0 || step.made > 0 || filter->state != before);
        wire = span_skip(wire, step.used);
    }
}

static void give_all(struct filter *filter, uint8_t *room, size_t size)
{
    while (filter->has_wire) {
        struct filter_step step = filter->kind->give(filter, (struct span){NULL, 0}, room, size);
        check(step.used == 0);
        check(step.made > 0);
        check(step.made <= size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    struct pieces pieces = pieces_take(&input);
    size_t room_size = 1u + fuzz_byte(&input) % ROOM_MAX;
    struct budget budget = {.limit = (size_t)fuzz_byte(&input) << 10};
    if (!begin()) return 0;
    struct filter *filter = source->filters.open(&source->filters, &budget);
    if (filter == NULL) return 0;
    uint8_t *room = malloc(room_size);
    check(room != NULL);
    while (input.size > 0) {
        struct span piece = fuzz_copy(fuzz_bytes(&input, pieces_next(&pieces, input.size)));
        take_all(filter, piece, room, room_size);
        free((void *)(uintptr_t)piece.data);
        give_all(filter, room, room_size);
        check(budget_used(&budget) <= budget.limit);
    }
    check(filter->state != FILTER_BROKEN || filter->why != NULL);
    filter->kind->end(filter);
    give_all(filter, room, room_size);
    filter->kind->close(filter, &budget);
    free(room);
    check(budget_used(&budget) == 0);
    return 0;
}
