/* The settings of a server, one a line, as a command line gives them:
 *
 *     workers=2
 *     listen=127.0.0.1:7000        adds a listener
 *     listen.framing=line          belongs to the last listener
 */
#include "config.h"
#include "fuzz_input.h"

static void check_refusal(const struct error *error)
{
    check(error->kind == ERROR_INPUT);
    check(error->text[0] != '\0');
}

static void expect_difference(void *context, const struct config_name *setting)
{
    const char *name = context;
    if (strcmp(setting->name, name) != 0) fprintf(stderr, "%s differs\n", setting->name);
    check(strcmp(setting->name, name) == 0);
}

static bool is_known(const char *name)
{
    size_t count;
    const struct config_name *names = config_names(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i].name, name) == 0) return true;
    return false;
}

/* What is refused changes nothing; what is not, nothing else. */
static void set(struct config *config, const char *name, const char *value)
{
    static struct config before;
    static const char of_listener[] = "listen.";
    char listen[] = "listen", *changed = listen;
    struct error error = {.kind = ERROR_NONE};
    bool fine;
    memcpy(&before, config, sizeof before);
    if (strcmp(name, listen) == 0) {
        fine = config_add_listener(config, value, &error) != NULL;
    } else if (strncmp(name, of_listener, strlen(of_listener)) == 0) {
        if (config->listener_count == 0) return;
        fine = config_listener_set(&config->listeners[config->listener_count - 1],
                                   name + strlen(of_listener), value, &error);
    } else {
        fine = config_set(config, name, value, &error);
        changed = (char *)name;
    }
    if (fine) {
        config_compare(&before, config, expect_difference, changed);
    } else {
        check_refusal(&error);
        check(memcmp(&before, config, sizeof before) == 0);
    }
}

/* Looking for what an unknown name may mean takes long: it is done for the first of them alone. */
static void read_all(struct config *config, struct span input)
{
    int unknown = 0;
    config_init(config);
    while (input.size != 0) {
        struct span line = fuzz_until(&input, '\n');
        char *name = fuzz_text(fuzz_until(&line, '=')), *value = fuzz_text(line);
        if (is_known(name) || strncmp(name, "listen", 6) == 0 || unknown++ == 0)
            set(config, name, value);
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
    static struct config config, again;
    struct error error = {.kind = ERROR_NONE};
    struct span input = span_of(data, size);
    read_all(&config, input);
    again = config;
    bool fine = config_finish(&config, &error);
    check(config_finish(&again, &error) == fine);
    if (!fine) {
        check_refusal(&error);
        return 0;
    }
    check_finished(&config);
    config_compare(&config, &again, expect_difference, "");

    /* Taking over what it has already changes nothing. */
    config_take_live(&again, &config);
    config_compare(&config, &again, expect_difference, "");
    return 0;
}
