#include "base/log_limit.h"

#define SECOND_NS UINT64_C(1000000000)

/* ---- shapes of texts ---- */

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv */
#define HASH_BEGIN UINT64_C(0xcbf29ce484222325)
static uint64_t hash_byte(uint64_t hash, uint8_t byte)
{
    return (hash ^ byte) * UINT64_C(0x100000001b3);
}

uint64_t log_place(const char *name)
{
    uint64_t hash = HASH_BEGIN;
    while (*name != '\0') hash = hash_byte(hash, (uint8_t)*name++);
    return hash;
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_plain(uint8_t byte)
{
    return byte >= 0x20 && byte < 0x7f;
}

/* The size of the run of similar bytes that begins the text, and whether such a run varies from line to line: numbers,
 * quoted strings and bytes outside ASCII do. The line number in "main.lua:12: " does not. */
static size_t run_size(struct span text, uint8_t before, bool *varies)
{
    uint8_t first = text.data[0];
    size_t size = 1;
    *varies = true;
    if (is_digit(first)) {
        while (size < text.size && is_digit(text.data[size])) size++;
        *varies = before != ':' || size == text.size || text.data[size] != ':';
    } else if (first == '"' || first == '\'') {
        const uint8_t *end = memchr(text.data + 1, first, text.size - 1);
        *varies = end != NULL;
        if (end != NULL) size = (size_t)(end - text.data) + 1;
    } else if (is_plain(first)) {
        *varies = false;
    } else {
        while (size < text.size && !is_plain(text.data[size])) size++;
    }
    return size;
}

/* The first line of the text. */
static struct span first_line(struct span text)
{
    const uint8_t *end = text.size == 0 ? NULL : memchr(text.data, '\n', text.size);
    return end == NULL ? text : span_first(text, (size_t)(end - text.data));
}

uint64_t log_shape(struct span text)
{
    uint64_t hash = HASH_BEGIN;
    text = first_line(text);
    uint8_t before = '\0';
    while (text.size > 0) {
        bool varies;
        size_t size = run_size(text, before, &varies);
        if (varies) hash = hash_byte(hash, '\0');
        for (size_t i = 0; i < size && !varies; i++) hash = hash_byte(hash, text.data[i]);
        before = text.data[size - 1];
        text = span_skip(text, size);
    }
    return hash;
}

/* ---- kinds ---- */

static bool is_over(const struct log_kind *kind, uint64_t now_ns)
{
    return now_ns - kind->since_ns >= SECOND_NS;
}

static void tell(struct log_kind *kind)
{
    if (kind->held_back > 0)
        log_line((enum log_level)kind->level, "%llu more like it within a second: %s",
                 (unsigned long long)kind->held_back, kind->sample);
    kind->held_back = 0;
}

static void begin(struct log_kind *kind, enum log_level level, struct span text, uint64_t now_ns)
{
    tell(kind);
    kind->used = true;
    kind->level = (uint8_t)level;
    kind->since_ns = now_ns;
    kind->lines = 0;
    struct span whole = first_line(text), sample = span_cut_text(whole, LOG_SAMPLE_MAX - 4);
    log_plain(sample, kind->sample, LOG_SAMPLE_MAX - 3);
    if (sample.size < whole.size) memcpy(kind->sample + strlen(kind->sample), "...", 4);
}

/* The kind with that place and shape, or the one that stands in for it. */
static struct log_kind *find(struct log_limit *limit, uint64_t place, uint64_t shape,
                             uint64_t now_ns)
{
    struct log_kind *vacant = NULL, *rest = NULL;
    int shapes = 0;
    for (int i = 0; i < LOG_KINDS; i++) {
        struct log_kind *kind = &limit->kinds[i];
        bool unused = !kind->used || is_over(kind, now_ns);
        if (kind->used && kind->place == place) {
            if (kind->shape == shape) return kind;
            if (kind->shape == 0) rest = kind;
            shapes += !unused;
        }
        if (unused && vacant == NULL) vacant = kind;
    }
    if (shapes >= LOG_SHAPES_MAX) {
        if (rest != NULL) return rest;
        shape = 0;
    }
    if (vacant == NULL) return &limit->kinds[LOG_KINDS];
    tell(vacant);
    *vacant = (struct log_kind){.place = place, .shape = shape};
    return vacant;
}

bool log_limit_allows(struct log_limit *limit, enum log_level level, uint64_t place, uint64_t shape,
                      struct span text, uint64_t now_ns)
{
    struct log_kind *kind = find(limit, place, shape, now_ns);
    if (!kind->used || is_over(kind, now_ns)) begin(kind, level, text, now_ns);
    if (kind->lines < LOG_BURST) {
        kind->lines++;
        return true;
    }
    kind->held_back++;
    return false;
}

uint64_t log_limit_tell(struct log_limit *limit, uint64_t now_ns)
{
    uint64_t next_ns = UINT64_MAX;
    for (int i = 0; i <= LOG_KINDS; i++) {
        struct log_kind *kind = &limit->kinds[i];
        if (kind->held_back == 0) continue;
        if (is_over(kind, now_ns))
            tell(kind);
        else if (kind->since_ns + SECOND_NS < next_ns)
            next_ns = kind->since_ns + SECOND_NS;
    }
    return next_ns;
}

void log_limit_tell_all(struct log_limit *limit)
{
    for (int i = 0; i <= LOG_KINDS; i++) tell(&limit->kinds[i]);
}

bool log_seldom_allows(struct log_seldom *seldom, uint64_t now_ns, uint64_t *held_back)
{
    if (now_ns < seldom->next_ns) {
        seldom->held_back++;
        return false;
    }
    seldom->next_ns = now_ns + LOG_SELDOM_S * UINT64_C(1000000000);
    *held_back = seldom->held_back;
    seldom->held_back = 0;
    return true;
}
