#include "watch_try.h"

/* In its own directory beside main.lua. */
static void begin_following(void)
{
    struct error error = {.kind = ERROR_NONE};
    if (temporary_is_on_wine())
        cr_skip_test("Wine watches only directories that are made meanwhile");
    tree_begin(&tree);
    tree_put_directory(&tree, "public");
    tree_put_directory(&tree, "public/game");
    tree_put_directory(&tree, "other");
    tree_put(&tree, "public/index.html", "1");
    tree_put(&tree, "public/.hidden", "1");
    tree_put(&tree, "public/game/a.css", "1");
    tree_put(&tree, "other/index.html", "1");
    tree_put(&tree, "publicity.html", "1");
    begin_watching();
    cr_assert(watch_follow(watch, "public", &error), "%s", error.text);
}

Test(watch_follow, a_write_to_any_file_there_is_told)
{
    begin_following();
    tree_put(&tree, "public/index.html", "2");
    changes();
    tree_put(&tree, "public/game/a.css", "2");
    changes();
    does_not_change();
    end_watching();
}

Test(watch_follow, writes_elsewhere_and_to_hidden_files_are_not)
{
    begin_following();
    tree_put(&tree, "other/index.html", "2");
    tree_put(&tree, "publicity.html", "2");
    tree_put(&tree, "public/.hidden", "2");
    does_not_change();
    tree_put(&tree, "main.lua", "-- 2");
    changes();
    end_watching();
}

Test(watch_follow, directories_that_are_new_there_are_followed)
{
    begin_following();
    tree_put_directory(&tree, "public/new");
    changes();
    tree_put(&tree, "public/new/b.js", "1");
    changes();
    tree_put(&tree, "public/new/b.js", "2");
    changes();
    end_watching();
}

Test(watch_follow, a_directory_that_comes_later_is_followed)
{
    struct error error = {.kind = ERROR_NONE};
    tree_begin(&tree);
    begin_watching();
    cr_assert(watch_follow(watch, "public", &error), "%s", error.text);
    tree_put_directory(&tree, "public");
    tree_put(&tree, "public/index.html", "1");
    changes();
    tree_put(&tree, "public/index.html", "2, and longer");
    changes();
    end_watching();
}

Test(watch_follow, it_is_followed_when_it_is_put_in_the_place_of_another)
{
    begin_following();
    tree_put_directory(&tree, "next");
    tree_put(&tree, "next/index.html", "1");
    changes();
    tree_move(&tree, "public", "old");
    tree_move(&tree, "next", "public");
    changes();
    tree_put(&tree, "public/index.html", "2");
    changes();
    end_watching();
}

Test(watch_follow, a_watch_of_nothing_follows_nothing)
{
    struct error error;
    watch = watch_open(NULL, &error);
    cr_assert_not_null(watch);
    cr_assert(watch_follow(watch, "public", &error));
    does_not_change();
    watch_close(watch);
}
