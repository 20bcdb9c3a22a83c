#include "commands/top_list.h"

#include "base/check.h"
#include "base/text.h"
#include "commands/talk_text.h"
#include "commands/top_text.h"

#include <stdlib.h>

/* Takes what stands before the first `end` off the front; all of it if there is none. */
static struct span take_until(struct span *text, uint8_t end)
{
    const uint8_t *found = text->size == 0 ? NULL : memchr(text->data, end, text->size);
    struct span front =
        span_first(*text, found == NULL ? text->size : (size_t)(found - text->data));
    *text = span_skip(*text, front.size + (found != NULL));
    return front;
}

static uint32_t count_bytes(struct span text, uint8_t byte)
{
    uint32_t count = 0;
    for (size_t i = 0; i < text.size; i++) count += text.data[i] == byte;
    return count;
}

/* ---- filling ---- */

struct filling {
    struct top_list *list;
    char *next; /* where the next cell goes; */
    char *end;  /* not so far */
};

static const char *put_cell(struct filling *filling, struct span text)
{
    char *cell = filling->next;
    filling->next += top_clean(text, cell, (size_t)(filling->end - cell)) + 1;
    return cell;
}

/* No text becomes longer than this: each byte can become TALK_SHOWN_MAX, and each cell has an end. */
static size_t room_for(struct span text)
{
    return (TALK_SHOWN_MAX + 1) * (text.size + 1) + TALK_SHOWN_MAX + 1;
}

/* With room for `rows` rows of the text. */
static bool prepare(struct filling *filling, struct top_list *list, struct span text, uint32_t rows)
{
    size_t room = room_for(text);
    *list = (struct top_list){.columns = list->columns};
    list->text = malloc(room);
    list->cells = calloc((size_t)rows * list->columns + 1, sizeof *list->cells);
    *filling = (struct filling){list, list->text, list->text + room};
    if (list->text != NULL && list->cells != NULL) return true;
    top_list_free(list);
    return false;
}

static void put_row(struct filling *filling, struct span line)
{
    struct top_list *list = filling->list;
    const char **row = list->cells + (size_t)list->rows++ * list->columns;
    for (uint32_t i = 0; i < list->columns; i++)
        row[i] = line.size == 0 ? "" : put_cell(filling, take_until(&line, '\t'));
}

/* "# 17 more: see ..." or "# worker 2 is busy: ..." */
static void put_note(struct top_list *list, struct span line)
{
    char clean[sizeof list->note], *behind;
    size_t used = strlen(list->note);
    struct text note = text_in(list->note + used, sizeof list->note - used);
    while (line.size > 0 && (line.data[0] == '#' || line.data[0] == ' ')) line = span_skip(line, 1);
    top_clean(line, clean, sizeof clean);
    uint64_t number = strtoull(clean, &behind, 10);
    if (behind != clean && strncmp(behind, " more", 5) == 0)
        list->more = number;
    else
        text_add(&note, "%s%s", used > 0 ? "; " : "", clean);
}

/* ---- the list ---- */

bool top_list_take(struct top_list *list, struct span text)
{
    struct filling filling;
    uint32_t lines = count_bytes(text, '\n');
    struct span head = take_until(&text, '\n'), rest = head;
    struct top_list fresh = {.columns = count_bytes(head, '\t') + 1};
    if (head.size == 0 || fresh.columns > TOP_COLUMNS_MAX) return false;
    if (!prepare(&filling, &fresh, span_of(head.data, head.size + text.size), lines)) return false;
    for (uint32_t i = 0; i < fresh.columns; i++)
        fresh.names[i] = put_cell(&filling, take_until(&rest, '\t'));
    while (text.size > 0) {
        struct span line = take_until(&text, '\n');
        if (line.size > 0 && line.data[0] == '#')
            put_note(&fresh, line);
        else if (line.size > 0)
            put_row(&filling, line);
    }
    top_list_free(list);
    *list = fresh;
    return true;
}

bool top_list_take_lines(struct top_list *list, struct span text)
{
    struct filling filling;
    struct top_list fresh = {.columns = 1};
    while (text.size > 0 && text.data[text.size - 1] == '\n') text.size--;
    if (!prepare(&filling, &fresh, text, count_bytes(text, '\n') + 1)) return false;
    while (text.size > 0) {
        struct span line = take_until(&text, '\n');
        fresh.cells[fresh.rows++] = put_cell(&filling, line);
    }
    top_list_free(list);
    *list = fresh;
    return true;
}

void top_list_free(struct top_list *list)
{
    free(list->text);
    free(list->cells);
    *list = (struct top_list){.rows = 0};
}

const char *top_list_cell(const struct top_list *list, uint32_t row, const char *column)
{
    check(row < list->rows);
    for (uint32_t i = 0; i < list->columns; i++)
        if (list->names[i] != NULL && strcmp(list->names[i], column) == 0)
            return list->cells[(size_t)row * list->columns + i];
    return "";
}
