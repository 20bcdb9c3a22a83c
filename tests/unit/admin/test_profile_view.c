/* A profile as it is shown: added up, as text, as a picture, as a file for speedscope. */
#include "admin/profile_view.h"

#include <criterion/criterion.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#define MS UINT64_C(1000000)

static struct profile_view view;
static struct samples samples;
static char shown[1 << 16];

static void count(uint32_t node, uint64_t time_ns, uint64_t bytes, double allocations)
{
    const struct samples_weight weight = {
        .time_ns = time_ns, .samples = time_ns > 0, .bytes = bytes, .allocations = allocations};
    cr_assert_neq(node, UINT32_MAX);
    samples_count(&samples, SAMPLES_TOP, node, &weight);
}

static void begin(void)
{
    cr_assert(samples_open(&samples, 1024, 128));
    cr_assert(profile_view_open(&view, 10));
}

/* Of worker 2, of which it took ten seconds. */
static void finish(void)
{
    profile_view_add(&view, 1, &samples, 10000 * MS);
    cr_assert(profile_view_finish(&view));
}

static void end(void)
{
    profile_view_close(&view);
    samples_close(&samples);
}

static const char *show(bool (*write)(const struct profile_view *, struct buffer *))
{
    struct buffer out = {.data = NULL};
    cr_assert(write(&view, &out));
    struct span bytes = buffer_bytes(&out);
    cr_assert_lt(bytes.size, sizeof shown);
    memcpy(shown, bytes.data, bytes.size);
    shown[bytes.size] = '\0';
    free(out.data);
    return shown;
}

static void expect_part(const char *text, const char *part)
{
    cr_assert_not_null(strstr(text, part), "\"%s\" should be in: %s", part, text);
}

static void expect_none(const char *text, const char *part)
{
    cr_assert_null(strstr(text, part), "\"%s\" should not be in: %s", part, text);
}

/* on_receive calls work (main.lua:10), which calls itself, and which is at lines 12 and 14; a timer allocates. */
static void fill(void)
{
    begin();
    uint32_t root = samples_note(&samples, SAMPLES_TOP, "on_receive");
    uint32_t handler = samples_function(&samples, "main.lua", 30, "on_receive");
    uint32_t work = samples_function(&samples, "main.lua", 10, "work");
    uint32_t first = samples_below(&samples, root, handler, 0);
    uint32_t second = samples_below(&samples, first, work, 0);
    uint32_t third = samples_below(&samples, second, work, 0);
    count(root, 10 * MS, 0, 0);
    count(samples_below(&samples, first, handler, 31), 20 * MS, 0, 0);
    count(samples_below(&samples, second, work, 12), 300 * MS, 1024, 2);
    count(samples_below(&samples, third, work, 12), 70 * MS, 1024, 2);
    count(samples_below(&samples, third, work, 14), 600 * MS, 0, 0);
    uint32_t timer = samples_note(&samples, SAMPLES_TOP, "timer");
    uint32_t anonymous = samples_function(&samples, "tick.lua", 5, "");
    uint32_t ticks = samples_below(&samples, timer, anonymous, 0);
    count(samples_below(&samples, ticks, anonymous, 6), 0, 3 << 20, 1234567);
    finish();
}

static const struct profile_sum *sum_of(const char *name)
{
    for (uint32_t i = 0; i < view.function_count; i++)
        if (strcmp(view.samples.functions[view.functions[i].function].name, name) == 0)
            return &view.functions[i];
    cr_assert(false, "no function %s", name);
    return NULL;
}

Test(profile_view, a_function_that_calls_itself_is_counted_once)
{
    fill();
    cr_assert_eq(view.time_ns, 1000 * MS);
    cr_assert_eq(view.bytes, 2048 + (3 << 20));
    cr_assert_eq(view.sample_count, 5);
    cr_assert_eq(view.function_count, 3);
    cr_assert_eq(sum_of("work")->self_ns, 970 * MS);
    cr_assert_eq(sum_of("work")->total_ns, 970 * MS);
    cr_assert_eq(sum_of("work")->bytes, 2048);
    cr_assert_eq(sum_of("on_receive")->self_ns, 20 * MS);
    cr_assert_eq(sum_of("on_receive")->total_ns, 990 * MS);
    cr_assert_eq(view.line_count, 4);
    end();
}

Test(profile_view, children_are_in_the_order_of_their_size)
{
    fill();
    uint32_t count;
    const struct profile_child *child = profile_view_children(&view, SAMPLES_TOP, false, &count);
    cr_assert_eq(count, 1);
    cr_assert_eq(child[0].total, 1000 * MS);
    child = profile_view_children(&view, SAMPLES_TOP, true, &count);
    cr_assert_eq(count, 2);
    cr_assert_eq(child[0].total, 3 << 20);
    cr_assert_eq(child[1].total, 2048);
    profile_view_children(&view, view.samples.node_count - 1, false, &count);
    cr_assert_eq(count, 0);
    end();
}

Test(profile_view, as_text_it_is_tables)
{
    fill();
    view.missing[4] = true;
    cr_assert_str_eq(show(profile_text),
                     "Profile of 10 s, worker 2. Calls took 10.0% of that time: 5 samples.\n"
                     "Allocated: 3.00 MiB in about 1.23 M pieces.\n"
                     "Missing, for a call kept it: worker 5\n"
                     "\n"
                     "  share       time   allocated  handler\n"
                     " 100.0%    1.000 s    2.00 KiB  on_receive\n"
                     "   0.0%    0.000 s    3.00 MiB  timer\n"
                     "\n"
                     "   self   total  function\n"
                     "  97.0%   97.0%  work  main.lua:10\n"
                     "   2.0%   99.0%  on_receive  main.lua:30\n"
                     "\n"
                     "   self  line\n"
                     "  60.0%  main.lua:14 in work\n"
                     "  37.0%  main.lua:12 in work\n"
                     "   2.0%  main.lua:31 in on_receive\n"
                     "\n"
                     "  share   allocated    pieces  line\n"
                     "  99.9%    3.00 MiB    1.23 M  tick.lua:6\n"
                     "   0.1%    2.00 KiB         4  main.lua:12 in work\n");
    end();
}

Test(profile_view, an_empty_one_says_so)
{
    begin();
    finish();
    expect_part(show(profile_text),
                "Calls took 0.0% of that time: 0 samples.\nAllocated: 0 B in about 0 pieces.\n");
    expect_none(shown, "handler");
    expect_part(show(profile_svg), "Time in calls of Lua: none was found");
    expect_part(show(profile_speedscope), "\"samples\":[],\"weights\":[]");
    end();
}

Test(profile_view, text_says_what_is_left_out)
{
    fill();
    view.samples.others = 7;
    view.note = "A note.";
    expect_part(show(profile_text),
                "\nA note.\n7 samples are (others): there were too many places.\n");
    end();
}

/* No line is wider than a terminal, whatever scripts call their functions and files. */
Test(profile_view, text_fits_into_80_columns)
{
    char name[200];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    begin();
    uint32_t root = samples_note(&samples, SAMPLES_TOP, name);
    uint32_t function = samples_function(&samples, name, 123456, name);
    uint32_t below = samples_below(&samples, root, function, 0);
    count(samples_below(&samples, below, function, 1234567), 3600 * 1000 * MS, UINT64_C(1) << 50,
          1e12);
    finish();
    const char *line = show(profile_text);
    for (const char *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
        cr_assert_leq(end - line, 80, "%.*s", (int)(end - line), line);
    end();
}

/* "<&>\"'", a control character, a byte that is no UTF-8, one of C1, and U+FFFF, which XML forbids. */
#define EVIL "<&>\"'\033\xff\xc2\x9b\xef\xbf\xbf\xc3\xa9"

static void fill_evil(void)
{
    begin();
    uint32_t root = samples_note(&samples, SAMPLES_TOP, EVIL);
    uint32_t function = samples_function(&samples, EVIL ".lua", 1, "</title><script>" EVIL);
    uint32_t below = samples_below(&samples, root, function, 0);
    count(samples_below(&samples, below, function, 2), 1000 * MS, 1000, 1);
    finish();
}

Test(profile_view, names_cannot_command_a_terminal)
{
    fill_evil();
    expect_part(show(profile_text), "<&>\"'????\xc3\xa9");
    for (const char *at = shown; *at != '\0'; at++)
        cr_assert((uint8_t)*at >= ' ' || *at == '\n', "%s", shown);
    end();
}

Test(profile_view, names_are_escaped_in_the_picture)
{
    fill_evil();
    show(profile_svg);
    expect_part(shown,
                "<title>&lt;/title&gt;&lt;script&gt;&lt;&amp;&gt;&quot;&#39;????\xc3\xa9 (&lt;");
    expect_none(shown, "<script");
    expect_none(shown, "\xff");
    expect_none(shown, "\033");
    expect_none(shown, "\xef\xbf\xbf");
    end();
}

Test(profile_view, the_picture_has_a_box_for_each_as_wide_as_its_part)
{
    fill();
    show(profile_svg);
    expect_part(shown, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1200 ");
    expect_part(shown, "Time in calls of Lua: 1.000 s</text>");
    expect_part(shown,
                "<title>on_receive: 1.000 s, 100.0%</title><rect rx=\"1\" x=\"10.0\" y=\"30.0\" "
                "width=\"1179.5\" height=\"17.0\" fill=\"#b9bec4\"/>");
    expect_part(
        shown,
        "<title>work (main.lua:10): 0.970 s, 97.0%</title><rect rx=\"1\" x=\"10.0\" y=\"66.0\"");
    expect_part(shown, "<title>main.lua:14: 0.600 s, 60.0%</title>");
    expect_part(shown, "Memory that Lua has allocated: 3.00 MiB</text>");
    expect_part(shown, "<title>tick.lua:6: 3.00 MiB, 99.9%</title>");
    cr_assert_str_eq(shown + strlen(shown) - 7, "</svg>\n");
    end();
}

Test(profile_view, a_file_for_speedscope_has_a_stack_and_a_weight_for_each_place)
{
    fill();
    cr_assert_str_eq(
        show(profile_speedscope),
        "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\","
        "\"name\":\"moonport profile\",\"exporter\":\"moonport 0.1.0\",\"activeProfileIndex\":0,"
        "\"shared\":{\"frames\":[{\"name\":\"on_receive\"},"
        "{\"name\":\"on_receive\",\"file\":\"main.lua\",\"line\":30},"
        "{\"name\":\"work\",\"file\":\"main.lua\",\"line\":10},{\"name\":\"timer\"},"
        "{\"name\":\"tick.lua:5\",\"file\":\"tick.lua\",\"line\":5},"
        "{\"name\":\"main.lua:31\",\"file\":\"main.lua\",\"line\":31},"
        "{\"name\":\"main.lua:12\",\"file\":\"main.lua\",\"line\":12},"
        "{\"name\":\"main.lua:14\",\"file\":\"main.lua\",\"line\":14},"
        "{\"name\":\"tick.lua:6\",\"file\":\"tick.lua\",\"line\":6}]},"
        "\"profiles\":[{\"type\":\"sampled\",\"name\":\"time\",\"unit\":\"nanoseconds\","
        "\"startValue\":0,\"endValue\":1000000000,"
        "\"samples\":[[0],[0,1,5],[0,1,2,6],[0,1,2,2,6],[0,1,2,2,7]],"
        "\"weights\":[10000000,20000000,300000000,70000000,600000000]},"
        "{\"type\":\"sampled\",\"name\":\"allocations\",\"unit\":\"bytes\","
        "\"startValue\":0,\"endValue\":3147776,"
        "\"samples\":[[0,1,2,6],[0,1,2,2,6],[3,4,8]],\"weights\":[1024,1024,3145728]}]}");
    end();
}

Test(profile_view, numbers_have_a_point_whatever_the_locale)
{
    fill();
    setlocale(LC_ALL, "de_DE.UTF-8"); /* if it is there */
    expect_part(show(profile_text), "3.00 MiB");
    expect_part(show(profile_svg), "width=\"1179.5\"");
    end();
}
