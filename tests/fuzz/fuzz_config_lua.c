/* The text of a config.lua. It has no globals, a bound on what it runs and one on its memory; no
 * file is read for it.
 *
 *     input:  the text
 */
#include "reload/config_lua.h"

#include "fuzz_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char path[] = FUZZ_DIRECTORY "/config.lua";
    static struct options options;
    struct fuzz_source made;
    struct error error = {.kind = ERROR_NONE};
    fuzz_source_open(&made, "config.lua", span_of(data, size));
    options_init(&options);
    bool fine = config_lua_load(&options, &made.source, &error);
    if (!fine && strncmp(error.text, path, strlen(path)) != 0) fprintf(stderr, "%s\n", error.text);
    if (!fine) check(strncmp(error.text, path, strlen(path)) == 0);
    if (fine) fine = options_finish(&options, &error);
    if (!fine) {
        check(error.kind == ERROR_INPUT);
        check(error.text[0] != '\0');
    }
    fuzz_source_close(&made);
    return 0;
}
