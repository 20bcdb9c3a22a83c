#include "admin/render.h"

#include <criterion/criterion.h>
#include <stdlib.h>

struct snapshot {
    uint64_t taken, bytes, waited_ns;
    uint64_t by_word[2];
    struct histogram_sum turn;
};

static size_t count_words(const void *field)
{
    (void)field;
    return 2;
}

static uint64_t value_of_word(const void *field, size_t index, struct span *word)
{
    *word = index == 0 ? span_text("full") : span_of("a\"b \\\n\xff", 7);
    return ((const uint64_t *)field)[index];
}

static uint64_t value_of_no_word(const void *field, size_t index, struct span *word)
{
    *word = span_of(NULL, 0);
    return ((const uint64_t *)field)[index];
}

static const struct figure_labels words = {"why", count_words, value_of_word};

#define FIELD(name) .field = offsetof(struct snapshot, name)
static const struct figure figures[] = {
    {"taken", "how many were taken", FIGURE_COUNTER, FIGURE_NUMBER, FIELD(taken)},
    {"memory", "in use", FIGURE_GAUGE, FIGURE_BYTES, FIELD(bytes)},
    {"waited", "in total", FIGURE_COUNTER, FIGURE_NS, FIELD(waited_ns)},
    {"refused", "by why", FIGURE_COUNTER, FIGURE_NUMBER, FIELD(by_word), &words},
    {"turn", "how long a turn took", FIGURE_TIMES, FIGURE_NS, FIELD(turn)},
};
enum { FIGURES = sizeof figures / sizeof *figures };

static struct snapshot make(void)
{
    struct snapshot snapshot = {.turn = {.count = 0}};
    struct histogram histogram = {.total_ns = 0};
    histogram_add(&histogram, 1000);
    histogram_add(&histogram, 3000000);
    histogram_read(&histogram, &snapshot.turn);
    snapshot.taken = 7;
    snapshot.bytes = 4096;
    snapshot.waited_ns = 1500000600;
    snapshot.by_word[0] = 3;
    snapshot.by_word[1] = 4;
    return snapshot;
}

static struct admin_answer answer;

static const char *body(void)
{
    cr_assert_not(answer.failed);
    cr_assert(buffer_add(&answer.body, "%c", '\0'));
    return (const char *)answer.body.data;
}

static void expect_line(const char *text, const char *line)
{
    const char *found = strstr(text, line);
    cr_assert(found != NULL && (found == text || found[-1] == '\n') && found[strlen(line)] == '\n',
              "%s is not in:\n%s", line, text);
}

Test(render, json_has_a_member_for_each_figure)
{
    const struct snapshot snapshot = make();
    struct json json = {.out = &answer.body};
    json_open(&json, NULL, '{');
    render_json(&json, &snapshot, figures, FIGURES);
    json_close(&json, '}');
    cr_assert_not(json.failed);
    cr_assert_str_eq(body(),
                     "{\"taken\":7,\"memory\":4096,\"waited\":1.5000006,\"refused\":{\"full\":3,"
                     "\"a\\\"b \\\\\\n\\ufffd\":4},\"turn\":{\"p50\":0.000001024,\"p99\":0.003,"
                     "\"max\":0.003,\"count\":2,\"classes\":[[0.000001024,1],"
                     "[0.003145728,1]]}}");
    free(answer.body.data);
}

Test(render, text_has_a_line_for_each_value)
{
    const struct snapshot snapshot = make();
    render_text(&answer, "x.", &snapshot, figures, FIGURES);
    render_line(&answer, "listener.1", "%s", "open");
    const char *text = body();
    expect_line(text, "x.taken                      7");
    expect_line(text, "x.memory                     4096");
    expect_line(text, "x.waited                     1.500001");
    expect_line(text, "x.refused.full               3");
    expect_line(text, "x.refused.a\"b\\x20\\x5c\\x0a\\xff 4");
    expect_line(text, "x.turn.max                   0.003000");
    expect_line(text, "listener.1                   open");
    free(answer.body.data);
}

Test(render, metrics_are_named_by_unit_and_kind)
{
    const struct snapshot snapshot = make();
    const struct render_part parts[] = {{"worker=\"1\"", &snapshot}, {"worker=\"2\"", &snapshot}};
    render_metrics(&answer, "worker_", parts, 2, figures, FIGURES);
    const char *text = body();
    expect_line(text, "# HELP moonport_worker_taken_total how many were taken");
    expect_line(text, "# TYPE moonport_worker_taken_total counter");
    expect_line(text, "moonport_worker_taken_total{worker=\"1\"} 7");
    expect_line(text, "moonport_worker_taken_total{worker=\"2\"} 7");
    expect_line(text, "# TYPE moonport_worker_memory_bytes gauge");
    expect_line(text, "moonport_worker_waited_seconds_total{worker=\"1\"} 1.5000006");
    expect_line(text, "moonport_worker_refused_total{worker=\"1\",why=\"full\"} 3");
    expect_line(text, "moonport_worker_refused_total{worker=\"1\",why=\"a\\\"b "
                      "\\\\x5c\\\\x0a\\\\xff\"} 4");
    expect_line(text, "# TYPE moonport_worker_turn_seconds histogram");
    expect_line(text, "moonport_worker_turn_seconds_bucket{worker=\"1\",le=\"0.000004096\"} 1");
    expect_line(text, "moonport_worker_turn_seconds_bucket{worker=\"1\",le=\"0.004194304\"} 2");
    expect_line(text, "moonport_worker_turn_seconds_bucket{worker=\"1\",le=\"+Inf\"} 2");
    expect_line(text, "moonport_worker_turn_seconds_sum{worker=\"1\"} 0.003001");
    expect_line(text, "moonport_worker_turn_seconds_count{worker=\"1\"} 2");
    free(answer.body.data);
}

Test(render, metrics_of_the_whole_have_no_label)
{
    const struct snapshot snapshot = make();
    const struct render_part whole = {"", &snapshot};
    render_metrics(&answer, "", &whole, 1, figures, FIGURES);
    const char *text = body();
    expect_line(text, "moonport_taken_total 7");
    expect_line(text, "moonport_refused_total{why=\"full\"} 3");
    expect_line(text, "moonport_turn_seconds_bucket{le=\"+Inf\"} 2");
    expect_line(text, "moonport_turn_seconds_count 2");
    free(answer.body.data);
}

static void expect_plain(struct span text, const char *written)
{
    char room[64];
    cr_assert_str_eq(render_plain(text, room, sizeof room), written);
}

/* Two different texts never look the same, or one could stand for the other. */
Test(render, text_of_any_bytes_becomes_visible)
{
    expect_plain(span_text(""), "");
    expect_plain(span_text("kicked"), "kicked");
    expect_plain(span_text("\xc3\xa9\xe2\x82\xac"), "\xc3\xa9\xe2\x82\xac");
    expect_plain(span_text("a b\tc\nd\x7f"), "a\\x20b\\x09c\\x0ad\\x7f");
    expect_plain(span_of("\0", 1), "\\x00");
    expect_plain(span_text("\xc2\x9b\xc2\xa0"), "\\xc2\\x9b\xc2\xa0");
    expect_plain(span_text("\xff\xc3"), "\\xff\\xc3");
    expect_plain(span_text("\\xff"), "\\x5cxff");
}

Test(render, text_for_a_person_keeps_its_blanks)
{
    char room[64];
    cr_assert_str_eq(render_shown(span_text("a b\tc:\\d\xff"), room, sizeof room),
                     "a b\\x09c:\\d\\xff");
    cr_assert_str_eq(render_shown(span_of("a\0b", 3), room, sizeof room), "a\\x00b");
}

Test(render, plain_text_ends_where_there_is_no_more_room)
{
    char room[8];
    cr_assert_str_eq(render_plain(span_text("abcdefghij"), room, sizeof room), "abcdefg");
}

Test(render, what_found_no_place_of_its_own_has_a_name)
{
    static const struct figure_labels of_others = {"why", count_words, value_of_no_word};
    static const struct figure others[] = {
        {"refused", "by why", FIGURE_COUNTER, FIGURE_NUMBER, FIELD(by_word), &of_others}};
    const struct snapshot snapshot = make();
    render_text(&answer, "", &snapshot, others, 1);
    expect_line(body(), "refused.(others)             3");
    free(answer.body.data);
}

/* As long as any label can be. */
Test(render, a_label_is_never_cut)
{
    char place[256], wanted[256] = "word=\"";
    uint8_t word[31];
    struct text labels = text_in(place, sizeof place);
    memset(word, 1, sizeof word);
    render_label(&labels, "word", span_of(word, sizeof word));
    for (size_t i = 0; i < sizeof word; i++) strcat(wanted, "\\\\x01");
    cr_assert_str_eq(place, strcat(wanted, "\""));
    cr_assert_not(labels.cut);
}
