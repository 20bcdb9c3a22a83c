/* The settings of a server, one a line, as a command line gives them:
 *
 *     workers=2
 *     listen=127.0.0.1:7000        adds a listener
 *     listen.framing=line          belongs to the last listener
 */
#include "fuzz_input.h"
#include "reload/options.h"

static void check_refusal(const struct error *error)
{
    check(error->kind == ERROR_INPUT);
    check(error->text[0] != '\0');
}

static void expect_difference(void *context, const struct setting *setting)
{
    const char *name = context;
    if (strcmp(setting->name, name) != 0) fprintf(stderr, "%s differs\n", setting->name);
    check(strcmp(setting->name, name) == 0);
}

/* What is refused changes nothing; what is not, nothing else. */
static void set(struct options *options, const char *name, const char *value)
{
    static struct options before;
    static const char of_listener[] = "listen.";
    char listen[] = "listen", *changed = listen;
    struct config *config = &options->config;
    struct error error = {.kind = ERROR_NONE};
    bool fine;
    memcpy(&before, options, sizeof before);
    if (strncmp(name, of_listener, strlen(of_listener)) == 0) {
        if (config->listener_count == 0) return;
        fine = config_listener_set(&config->listeners[config->listener_count - 1],
                                   name + strlen(of_listener), value, &error);
    } else {
        fine = settings_set(&options_settings, options, name, value, &error);
        changed = (char *)name;
    }
    if (fine) {
        settings_compare(&options_settings, &before, options, expect_difference, changed);
    } else {
        check_refusal(&error);
        check(memcmp(&before, options, sizeof before) == 0);
    }
}

/* Looking for what an unknown name may mean takes long: it is done for the first of them alone. */
static void read_all(struct options *options, struct span input)
{
    int unknown = 0;
    options_init(options);
    while (input.size != 0) {
        struct span line = fuzz_until(&input, '\n');
        char *name = fuzz_text(fuzz_until(&line, '=')), *value = fuzz_text(line);
        bool is_known = settings_find(&options_settings, name) != NULL;
        if (is_known || strncmp(name, "listen.", 7) == 0 || unknown++ == 0)
            set(options, name, value);
        free(name);
        free(value);
    }
}

/* What a server is started with. */
static void check_finished(const struct config *config)
{
    check(config->workers > 0);
    check(config->workers <= CONFIG_WORKERS_MAX);
    check(config->max_connections > 0);
    check(config_links_per_worker(config) > 0);
    check((uint64_t)config_links_per_worker(config) * config->workers >= config->max_connections);
    check(config_blocks_per_worker(config) > 0);
    check(config_memory_per_worker(config) >= 2 * config->max_packet);
    check((config->recv_depth & (config->recv_depth - 1)) == 0);
    check(config->hard_mark >= config->max_packet + FRAME_HEADER_MAX);
    check(config->soft_mark <= config->hard_mark);
    check(config->listener_count > 0);
    check(config->listener_count <= CONFIG_LISTENERS_MAX);
    check(config->frame.packet_max <= config->max_packet);
    for (uint32_t i = 0; i < config->listener_count; i++) {
        check(config->listeners[i].address.family != ADDRESS_NONE);
        check(config->listeners[i].on_full <= ON_FULL_REFUSE);
        check(config->listeners[i].frame.packet_max <= config->max_packet);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct options options, again;
    struct error error = {.kind = ERROR_NONE};
    struct span input = span_of(data, size);
    read_all(&options, input);
    again = options;
    bool fine = options_finish(&options, &error);
    check(options_finish(&again, &error) == fine);
    if (!fine) {
        check_refusal(&error);
        return 0;
    }
    check_finished(&options.config);
    settings_compare(&options_settings, &options, &again, expect_difference, "");

    /* Taking over what it has already changes nothing. */
    settings_take_live(&options_settings, &again, &options);
    settings_compare(&options_settings, &options, &again, expect_difference, "");
    return 0;
}
