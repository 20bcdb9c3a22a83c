#include "source_try.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

static void has(const struct source *source, const char *name, const char *text)
{
    const struct source_file *file = source_find(source, name);
    cr_assert_not_null(file, "%s", name);
    cr_assert_str_eq(file->name, name);
    cr_assert_eq(file->text.size, strlen(text), "%s", name);
    cr_assert_eq(memcmp(file->text.data, text, strlen(text)), 0, "%s", name);
}

/* ---- which files ---- */

Test(source, has_every_lua_file_of_the_directory_and_below_it)
{
    tree_begin(&tree);
    tree_put_directory(&tree, "game");
    tree_put_directory(&tree, "game/maps");
    tree_put(&tree, "game/rules.lua", "return 1");
    tree_put(&tree, "game/maps/init.lua", "");
    struct source *source = read_fine();
    cr_assert_eq(source->count, 3);
    cr_assert_str_eq(source->directory, tree.path);
    has(source, "main.lua", "-- main\n");
    has(source, "game/rules.lua", "return 1");
    has(source, "game/maps/init.lua", "");
    source_drop(source);
    tree_end(&tree);
}

Test(source, keeps_its_files_in_the_order_of_their_names)
{
    static const char *const names[] = {"a.lua", "a/z.lua", "b.lua", "main.lua", "z.lua"};
    tree_begin(&tree);
    tree_put_directory(&tree, "a");
    tree_put(&tree, "z.lua", "");
    tree_put(&tree, "b.lua", "");
    tree_put(&tree, "a/z.lua", "");
    tree_put(&tree, "a.lua", "");
    struct source *source = read_fine();
    cr_assert_eq(source->count, 5);
    for (uint32_t i = 0; i < 5; i++) cr_assert_str_eq(source->files[i].name, names[i]);
    source_drop(source);
    tree_end(&tree);
}

Test(source, passes_over_what_is_hidden_or_no_lua_file)
{
    tree_begin(&tree);
    tree_put_directory(&tree, ".git");
    tree_put(&tree, ".git/hook.lua", "");
    tree_put(&tree, ".main.lua", "");
    tree_put(&tree, ".lua", "");
    tree_put(&tree, "main.lua~", "");
    tree_put(&tree, "lua", "");
    tree_put(&tree, "readme.txt", "");
    struct source *source = read_fine();
    cr_assert_eq(source->count, 1);
    cr_assert_null(source_find(source, ".main.lua"));
    cr_assert_null(source_find(source, "lua"));
    cr_assert_null(source_find(source, ""));
    source_drop(source);
    tree_end(&tree);
}

Test(source, looks_into_a_directory_that_is_called_like_a_file)
{
    tree_begin(&tree);
    tree_put_directory(&tree, "odd.lua");
    tree_put(&tree, "odd.lua/inner.lua", "inner");
    struct source *source = read_fine();
    cr_assert_eq(source->count, 2);
    has(source, "odd.lua/inner.lua", "inner");
    source_drop(source);
    tree_end(&tree);
}

Test(source, looks_no_deeper_than_it_says)
{
    char path[64] = "", file[80];
    tree_begin(&tree);
    for (int depth = 1; depth <= SOURCE_DEPTH_MAX + 1; depth++) {
        strcat(path, depth == 1 ? "d" : "/d");
        tree_put_directory(&tree, path);
        snprintf(file, sizeof file, "%s/f.lua", path);
        tree_put(&tree, file, "");
    }
    struct source *source = read_fine();
    cr_assert_eq(source->count, 1 + SOURCE_DEPTH_MAX);
    cr_assert_null(source_find(source, file));
    source_drop(source);
    tree_end(&tree);
}

/* ---- texts ---- */

Test(source, reads_files_of_any_size_and_any_bytes)
{
    static uint8_t bytes[70000];
    static const size_t sizes[] = {1, 8191, 8192, 8193, 16384, sizeof bytes};
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 31 >> 3);
    tree_begin(&tree);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        tree_write(&tree, "data.lua", bytes, sizes[i]);
        struct source *source = read_fine();
        const struct source_file *file = source_find(source, "data.lua");
        cr_assert_eq(file->text.size, sizes[i]);
        cr_assert_eq(memcmp(file->text.data, bytes, sizes[i]), 0);
        source_drop(source);
    }
    tree_end(&tree);
}

Test(source, keeps_what_it_read_when_the_files_change)
{
    tree_begin(&tree);
    struct source *source = read_fine();
    tree_put(&tree, "main.lua", "something else");
    has(source, "main.lua", "-- main\n");
    tree_remove(&tree, "main.lua");
    has(source, "main.lua", "-- main\n");
    source_drop(source);
    tree_end(&tree);
}

static void code_is(const char *text, const char *code)
{
    struct source_file file = {.name = "main.lua", .text = span_text(text)};
    struct span span = source_code(&file);
    cr_assert_eq(span.size, strlen(code), "\"%s\"", text);
    cr_assert_eq(memcmp(span.data, code, span.size), 0, "\"%s\"", text);
}

Test(source, code_is_without_a_byte_order_mark_and_a_line_for_the_shell)
{
    code_is("", "");
    code_is("return 1", "return 1");
    code_is("\xEF\xBB\xBFreturn 1", "return 1");
    code_is("\xEF\xBB\xBF", "");
    code_is("\xEF\xBB", "\xEF\xBB");
    code_is("#!/usr/bin/lua\nreturn 1", "\nreturn 1");
    code_is("\xEF\xBB\xBF#!/usr/bin/lua\nreturn 1\n# 2", "\nreturn 1\n# 2");
    code_is("#!/usr/bin/lua", "");
    code_is("\n# no first line", "\n# no first line");
}

/* ---- what is wrong ---- */

Test(source, without_a_main_lua_is_an_error_that_says_so)
{
    tree_begin(&tree);
    tree_remove(&tree, "main.lua");
    tree_put(&tree, "mian.lua", "");
    fails("main.lua", "the handlers are expected there");
    tree_put_directory(&tree, "main.lua");
    fails("main.lua", "is not a file (the handlers are expected there)");
    tree_end(&tree);
}

Test(source, without_a_directory_is_an_error_that_says_what_is_expected)
{
    tree_begin(&tree);
    struct tree all = tree;
    tree_path(&all, "nowhere", tree.path);
    fails(NULL, "a directory with a main.lua is expected");
    tree_path(&all, "main.lua", tree.path);
    fails(NULL, "is a file: name the directory that it is in");
    tree_end(&all);
}

/* The text of an error has no room for such a path: the reason stands before it. */
Test(source, with_a_path_that_is_too_long_is_an_error_that_says_so)
{
    char path[4098] = "";
    struct error error = {.kind = ERROR_NONE};
    for (size_t size = 4096; size <= 4097; size++) {
        memset(path, 'd', size);
        cr_assert_null(source_read(path, &error));
        cr_assert_eq(strncmp(error.text, "the path is too long: ddd", 25), 0, "%.80s", error.text);
    }
    path[4095] = '\0';
    cr_assert_null(source_read(path, &error));
    cr_assert_eq(strncmp(error.text, "ddd", 3), 0, "%.80s", error.text);
}

Test(source, of_too_many_files_is_an_error)
{
    char name[32];
    tree_begin(&tree);
    for (int i = 1; i < SOURCE_FILES_MAX; i++) {
        snprintf(name, sizeof name, "f%d.lua", i);
        tree_put(&tree, name, "");
    }
    struct source *source = read_fine();
    cr_assert_eq(source->count, SOURCE_FILES_MAX);
    source_drop(source);
    tree_put(&tree, "last.lua", "");
    fails(NULL, "more than 4096 Lua files");
    tree_end(&tree);
}

Test(source, of_too_many_bytes_is_an_error)
{
    tree_begin(&tree);
    size_t most = SOURCE_SIZE_MAX - strlen("-- main\n");
    char *zeros = calloc(most, 1);
    tree_write(&tree, "data.lua", zeros, most);
    source_drop(read_fine());
    tree_put(&tree, "more.lua", "1");
    fails(NULL, "more than 64 MiB");
    free(zeros);
    tree_end(&tree);
}

/* ---- two of them ---- */

static void differ(struct source *before, struct source *after, const char *changes)
{
    char text[64];
    cr_assert_eq(source_is_same(before, after), *changes == '\0');
    cr_assert_eq(before->hash == after->hash, *changes == '\0');
    source_changes(before, after, text, sizeof text);
    cr_assert_str_eq(text, changes);
    source_changes(after, before, text, sizeof text);
    cr_assert_str_eq(text, changes);
}

Test(source, is_the_same_wherever_and_in_whatever_order_the_files_were_made)
{
    tree_begin(&tree);
    struct tree first = tree, second = tree;
    tree_path(&first, "../second", second.path);
    tree_make(&second);
    for (int i = 0; i < 9; i++) {
        char name[] = {(char)('a' + i), '.', 'l', 'u', 'a', '\0'};
        char other[] = {(char)('i' - i), '.', 'l', 'u', 'a', '\0'};
        tree_put(&first, name, name);
        tree_put(&second, other, other);
    }
    tree_put(&second, "main.lua", "-- main\n");
    struct source *left = read_fine();
    tree = second;
    struct source *right = read_fine();
    differ(left, right, "");
    source_drop(left);
    source_drop(right);
    tree_end(&tree);
}

Test(source, names_the_files_that_came_went_or_changed)
{
    tree_begin(&tree);
    tree_put(&tree, "a.lua", "a");
    tree_put(&tree, "b.lua", "b");
    struct source *before = read_fine();
    tree_put(&tree, "main.lua", "-- niam\n");
    struct source *after = read_fine();
    differ(before, after, "main.lua");
    source_drop(after);
    tree_remove(&tree, "a.lua");
    tree_put(&tree, "z.lua", "");
    after = read_fine();
    differ(before, after, "a.lua, main.lua, z.lua");
    source_drop(after);
    tree_remove(&tree, "b.lua");
    tree_put(&tree, "y.lua", "");
    after = read_fine();
    differ(before, after, "a.lua, b.lua, main.lua and 2 more");
    source_drop(after);
    source_drop(before);
    tree_end(&tree);
}

Test(source, tells_texts_from_names)
{
    tree_begin(&tree);
    tree_put(&tree, "a.lua", "b.lua");
    tree_put(&tree, "b.lua", "");
    struct source *before = read_fine();
    tree_put(&tree, "a.lua", "");
    tree_put(&tree, "b.lua", "b.lua");
    struct source *after = read_fine();
    differ(before, after, "a.lua, b.lua");
    source_drop(after);
    tree_remove(&tree, "b.lua");
    tree_write(&tree, "a.lua", "b.lua", sizeof "b.lua"); /* with the NUL that ends a name */
    after = read_fine();
    source_drop(before);
    tree_put(&tree, "a.lua", "");
    tree_put(&tree, "b.lua", "");
    before = read_fine();
    differ(before, after, "a.lua, b.lua");
    source_drop(before);
    source_drop(after);
    tree_end(&tree);
}

Test(source, names_as_many_changes_as_there_is_room_for)
{
    char text[64];
    tree_begin(&tree);
    struct source *before = read_fine();
    for (int i = 0; i < 4; i++) {
        char name[] = {(char)('a' + i), '.', 'l', 'u', 'a', '\0'};
        tree_put(&tree, name, "");
    }
    struct source *after = read_fine();
    static const char *const expected[] = {
        "a.lua, b.lua, c.lua and 1 more", "a.lua, b.lua and 2 more", "a.lua and 3 more", "4 files"};
    for (size_t size = sizeof text; size > sizeof "4 files"; size--) {
        int fits = 0;
        while (strlen(expected[fits]) >= size) fits++;
        source_changes(before, after, text, size);
        cr_assert_str_eq(text, expected[fits]);
    }
    source_changes(before, after, text, 3);
    cr_assert_str_eq(text, "4 ");
    source_drop(after);
    tree_remove(&tree, "d.lua");
    after = read_fine();
    source_changes(before, after, text, sizeof "a.lua, b.lua, c.lua");
    cr_assert_str_eq(text, "a.lua, b.lua, c.lua");
    source_changes(before, after, text, sizeof "a.lua and 2 more");
    cr_assert_str_eq(text, "a.lua and 2 more");
    source_drop(before);
    source_drop(after);
    tree_end(&tree);
}

/* ---- its holders ---- */

enum { HOLDERS = 4, TIMES = 20000 };

static void *hold(void *argument)
{
    struct source *source = argument;
    uintptr_t bytes = 0;
    for (int i = 0; i < TIMES; i++) {
        source_hold(source);
        bytes += source_find(source, "main.lua")->text.size;
        source_drop(source);
    }
    source_drop(source);
    return (void *)bytes;
}

Test(source, lives_as_long_as_any_thread_holds_it)
{
    pthread_t threads[HOLDERS];
    void *bytes;
    tree_begin(&tree);
    struct source *source = read_fine();
    for (int i = 0; i < HOLDERS; i++) source_hold(source);
    for (int i = 0; i < HOLDERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, hold, source), 0);
    source_drop(source);
    for (int i = 0; i < HOLDERS; i++) {
        pthread_join(threads[i], &bytes);
        cr_assert_eq((uintptr_t)bytes, TIMES * strlen("-- main\n"));
    }
    tree_end(&tree);
}
