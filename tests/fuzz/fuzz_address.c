/* Addresses as text:
 *
 *     input:  what it is: 0 text, else a family | the text, or: port, 2 bytes | IP or path
 */
#include "base/address.h"
#include "fuzz_input.h"

static bool same(const struct address *one, const struct address *other)
{
    if (one->family != other->family || one->port != other->port) return false;
    switch (one->family) {
    case ADDRESS_IPV4: return memcmp(one->ip, other->ip, 4) == 0;
    case ADDRESS_IPV6: return memcmp(one->ip, other->ip, 16) == 0;
    default: return strcmp(one->path, other->path) == 0;
    }
}

/* As text, and from there the same again; neither form is longer than its room. */
static void check_address(const struct address *address)
{
    char text[ADDRESS_TEXT_MAX], host[ADDRESS_TEXT_MAX];
    struct address again;
    struct error error;
    check(address_format(address, text) == text);
    check(address_format_host(address, host) == host);
    check(memchr(text, '\0', sizeof text) != NULL);
    check(memchr(host, '\0', sizeof host) != NULL);
    check(strstr(text, host) != NULL);
    check(address_parse(text, &again, &error));
    check(same(address, &again));
}

/* The port is what the text ends with. */
static void check_port(const struct address *address, const char *text)
{
    const char *colon = strrchr(text, ':');
    const char *port = colon == NULL ? text : colon + 1;
    if (address->family != ADDRESS_UNIX) check(strtoul(port, NULL, 10) == address->port);
}

static void parse(struct span input)
{
    char *text = fuzz_text(input);
    struct address address;
    struct error error = {.kind = ERROR_NONE};
    if (address_parse(text, &address, &error)) {
        check_address(&address);
        check_port(&address, text);
    } else {
        check(error.kind == ERROR_INPUT);
        check(strncmp(error.text, "address \"", strlen("address \"")) == 0);
    }
    free(text);
}

static void format(struct span input, uint8_t family)
{
    struct address address = {.family = family};
    if (family == ADDRESS_UNIX) {
        struct span path = fuzz_bytes(&input, sizeof address.path - 1);
        if (path.size != 0) memcpy(address.path, path.data, path.size);
        if (address.path[0] == '\0') return; /* a peer without a name: not one to write down */
    } else {
        address.port = (uint16_t)fuzz_number(&input, 2);
        struct span ip = fuzz_bytes(&input, family == ADDRESS_IPV4 ? 4 : sizeof address.ip);
        if (ip.size != 0) memcpy(address.ip, ip.data, ip.size);
    }
    check_address(&address);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    uint8_t family = fuzz_byte(&input);
    if (family >= ADDRESS_IPV4 && family <= ADDRESS_UNIX)
        format(input, family);
    else
        parse(input);
    return 0;
}
