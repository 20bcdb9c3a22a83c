#include "frame/http_type.h"

#include <criterion/criterion.h>

static void is(const char *path, const char *type)
{
    cr_assert_str_eq(http_type_of(path), type, "%s is %s", path, http_type_of(path));
}

Test(http_type, extensions_have_types)
{
    is("index.html", "text/html; charset=utf-8");
    is("a/b.css", "text/css; charset=utf-8");
    is("a.js", "text/javascript; charset=utf-8");
    is("a.mjs", "text/javascript; charset=utf-8");
    is("a.json", "application/json");
    is("a.js.map", "application/json");
    is("a.svg", "image/svg+xml; charset=utf-8");
    is("a.png", "image/png");
    is("a.jpg", "image/jpeg");
    is("a.webp", "image/webp");
    is("a.avif", "image/avif");
    is("favicon.ico", "image/vnd.microsoft.icon");
    is("a.wasm", "application/wasm");
    is("a.txt", "text/plain; charset=utf-8");
    is("a.md", "text/markdown; charset=utf-8");
    is("a.woff2", "font/woff2");
    is("a.mp3", "audio/mpeg");
    is("a.ogg", "audio/ogg");
    is("a.webmanifest", "application/manifest+json");
}

Test(http_type, extensions_are_in_any_case)
{
    is("A.HTML", "text/html; charset=utf-8");
    is("a.Png", "image/png");
}

Test(http_type, other_names_are_bytes)
{
    static const char *const names[] = {
        "", "a", "a.", ".", "a.html/b", "a.htmlx", "a.ht", "html", "a.html.unknown", "a.html "};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        is(names[i], "application/octet-stream");
    is("a.tar.gz", "application/gzip");
    is("v1.0/a.css", "text/css; charset=utf-8");
}
