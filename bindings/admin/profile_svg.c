/* A profile as a picture: a flame graph of the time, and one of what was allocated, from the handlers at the top to lines at
 * the bottom. It needs no script: a box's title shows as a tooltip. Without its style (a page may forbid it) it can be read,
 * too: boxes have colors of their own, and whoever shows it colors the class `head`.
 *
 * Names come from scripts, so they are only ever written escaped. Lengths are in tenths. */
#include "admin/amount.h"
#include "admin/profile_view.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    WIDTH = 12000, /* of the picture; */
    MARGIN = 100,  /* at its sides */
    ROW = 180,     /* the height of a box, with the gap below it */
    GAP = 10,
    HEAD = 300,     /* above a graph, for its title */
    LETTER = 66,    /* a letter's width; */
    BOX_MIN = 4,    /* narrower boxes are left out; */
    TEXT_MIN = 240, /* narrower ones have no text */
};

struct drawing {
    const struct profile_view *view;
    struct buffer *out;
    bool bytes; /* else time */
    bool failed;
};

__attribute__((format(printf, 2, 3))) static void add(struct drawing *drawing, const char *format,
                                                      ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size >= sizeof line) {
        drawing->failed = true;
        return;
    }
    if (!buffer_add_bytes(drawing->out, span_of(line, (size_t)size))) drawing->failed = true;
}

/* As XML has it (section 2.4): quotation marks, too. The text is valid UTF-8 without control characters. `most`: letters, of
 * which the last are left out. */
static void add_escaped(struct drawing *drawing, const char *text, uint32_t most)
{
    for (uint32_t letters = 0; *text != '\0'; text++) {
        bool begins = ((uint8_t)*text & 0xc0) != 0x80;
        if (begins && ++letters > most) break;
        switch (*text) {
        case '&': add(drawing, "&amp;"); break;
        case '<': add(drawing, "&lt;"); break;
        case '>': add(drawing, "&gt;"); break;
        case '"': add(drawing, "&quot;"); break;
        case '\'': add(drawing, "&#39;"); break;
        default: add(drawing, "%c", *text);
        }
    }
}

/* ` name="12.3"` */
static void add_length(struct drawing *drawing, const char *name, uint64_t tenths)
{
    add(drawing, " %s=\"%" PRIu64 ".%" PRIu64 "\"", name, tenths / 10, tenths % 10);
}

/* ---- boxes ---- */

/* The same function has the same color everywhere: of time a warm one, of allocations a cool one. Dark text can be read on
 * all of them. */
static void add_color(struct drawing *drawing, const struct samples_node *node)
{
    const struct samples_function *function = &drawing->view->samples.functions[node->function];
    uint32_t hash = 2166136261u ^ (uint32_t)function->line;
    for (const char *text = function->name; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * 16777619u;
    hash ^= hash >> 15;
    uint32_t strong = 214 + hash % 32, weak = 120 + hash / 32 % 80, faint = 84 + hash / 4096 % 40;
    if (function->file[0] == '\0')
        add(drawing, " fill=\"#b9bec4\"");
    else if (drawing->bytes)
        add(drawing, " fill=\"#%02x%02x%02x\"", faint + 20, weak + 50, strong - 30);
    else
        add(drawing, " fill=\"#%02x%02x%02x\"", strong, weak + 20, faint);
}

static const char *amount(const struct drawing *drawing, uint64_t total, char text[AMOUNT_MAX])
{
    return drawing->bytes ? amount_bytes(total, text) : amount_seconds(total, text);
}

static void add_box(struct drawing *drawing, const struct profile_child *child, uint64_t x,
                    uint64_t y, uint64_t width)
{
    const struct samples_node *node = &drawing->view->samples.nodes[child->node];
    char name[PROFILE_NAME_MAX], place[PROFILE_NAME_MAX], size[AMOUNT_MAX], share[AMOUNT_MAX];
    profile_view_name(drawing->view, node->function, node->line, name);
    profile_view_place(drawing->view, node->function, place);
    add(drawing, "<g><title>");
    add_escaped(drawing, name, UINT32_MAX);
    if (node->line == 0 && place[0] != '\0') {
        add(drawing, " (");
        add_escaped(drawing, place, UINT32_MAX);
        add(drawing, ")");
    }
    uint64_t all = drawing->bytes ? drawing->view->bytes : drawing->view->time_ns;
    add(drawing, ": %s, %s</title><rect rx=\"1\"", amount(drawing, child->total, size),
        amount_share(child->total, all, share));
    add_length(drawing, "x", x);
    add_length(drawing, "y", y);
    add_length(drawing, "width", width > (uint64_t)2 * GAP ? width - GAP / 2 : width);
    add_length(drawing, "height", ROW - GAP);
    add_color(drawing, node);
    add(drawing, "/>");
    if (width >= TEXT_MIN) {
        add(drawing, "<text fill=\"#1b1f24\"");
        add_length(drawing, "x", x + 30);
        add_length(drawing, "y", y + 125);
        add(drawing, ">");
        add_escaped(drawing, name, (uint32_t)(width - 40) / LETTER);
        add(drawing, "</text>");
    }
    add(drawing, "</g>\n");
}

/* Those below a node, which is so wide: as wide as their part of it. */
static void add_below(struct drawing *drawing, uint32_t parent, uint64_t parent_total, uint64_t x,
                      uint64_t y, uint64_t parent_width)
{
    uint32_t count;
    const struct profile_child *child =
        profile_view_children(drawing->view, parent, drawing->bytes, &count);
    uint64_t before = 0;
    for (uint32_t i = 0; i < count; i++) {
        double scale = (double)parent_width / (double)parent_total;
        uint64_t from = (uint64_t)((double)before * scale);
        before += child[i].total;
        uint64_t width = (uint64_t)((double)before * scale) - from;
        if (width < BOX_MIN) continue;
        add_box(drawing, &child[i], x + from, y, width);
        add_below(drawing, child[i].node, child[i].total, x + from, y + ROW, width);
    }
}

static uint32_t depth_below(const struct profile_view *view, bool bytes)
{
    const uint64_t *totals = bytes ? view->total_bytes : view->total_ns;
    uint32_t most = 0;
    for (uint32_t i = 1; i < view->samples.node_count; i++) {
        uint32_t depth = 1;
        for (uint32_t up = view->samples.nodes[i].parent; up != SAMPLES_TOP;
             up = view->samples.nodes[up].parent)
            depth++;
        if (totals[i] > 0 && depth > most) most = depth;
    }
    return most > 0 ? most : 1;
}

/* A title and the graph below it. Returns where it ends. */
static uint64_t add_graph(struct drawing *drawing, bool bytes, uint64_t y)
{
    const struct profile_view *view = drawing->view;
    uint64_t all = bytes ? view->bytes : view->time_ns;
    char size[AMOUNT_MAX];
    drawing->bytes = bytes;
    add(drawing, "<text class=\"head\" font-size=\"14\"");
    add_length(drawing, "x", MARGIN);
    add_length(drawing, "y", y + 200);
    add(drawing, ">%s: %s", bytes ? "Memory that Lua has allocated" : "Time in calls of Lua",
        all > 0 ? amount(drawing, all, size) : "none was found");
    add(drawing, "</text>\n");
    if (all > 0) add_below(drawing, SAMPLES_TOP, all, MARGIN, y + HEAD, WIDTH - 2 * MARGIN);
    return y + HEAD + (uint64_t)depth_below(view, bytes) * ROW;
}

bool profile_svg(const struct profile_view *view, struct buffer *out)
{
    struct drawing drawing = {.view = view, .out = out};
    uint64_t rows = depth_below(view, false) + (uint64_t)depth_below(view, true);
    uint64_t height = ((uint64_t)2 * HEAD + rows * ROW + MARGIN) / 10;
    add(&drawing,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %" PRIu64
        "\" width=\"%d\" height=\"%" PRIu64 "\" font-family=\"ui-monospace,Menlo,Consolas,"
        "'Liberation Mono',monospace\" font-size=\"11\">\n",
        WIDTH / 10, height, WIDTH / 10, height);
    add(&drawing, "<style>svg{background:#fff}.head{fill:#1b1f24}@media (prefers-color-scheme:dark)"
                  "{svg{background:#111417}.head{fill:#e3e6e9}}</style>\n");
    uint64_t y = add_graph(&drawing, false, 0);
    add_graph(&drawing, true, y);
    add(&drawing, "</svg>\n");
    return !drawing.failed;
}
