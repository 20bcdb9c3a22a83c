/* The secret of session tickets in a file, one line: a word, the period that it is of, and its bytes in hexadecimal digits. */
#include "stream/tls_openssl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORD "moonport-tickets"
enum { LINE_MAX_SIZE = 200, HEX = 2 * TLS_TICKET_SECRET };

enum found { FOUND_NONE, FOUND_WRONG, FOUND_FINE };

/* ---- reading ---- */

static bool read_digits(const char *digits, uint8_t secret[TLS_TICKET_SECRET])
{
    for (size_t i = 0; i < TLS_TICKET_SECRET; i++) {
        char pair[3] = {digits[2 * i], digits[2 * i + 1], '\0'}, *end;
        secret[i] = (uint8_t)strtoul(pair, &end, 16);
        if (end != pair + 2) return false;
    }
    return true;
}

static bool read_line(const char *line, struct tls_tickets *tickets)
{
    char *end;
    if (strncmp(line, WORD " ", sizeof WORD) != 0) return false;
    tickets->period = strtoull(line + sizeof WORD, &end, 10) + 1;
    if (*end != ' ' || tickets->period < 2 || tickets->period > UINT64_MAX / 2) return false;
    return strspn(end + 1, "0123456789abcdef") == HEX && read_digits(end + 1, tickets->secret);
}

/* The file has the secret of the period before the tickets' own. */
static enum found read_file(const char *path, struct tls_tickets *tickets)
{
    char line[LINE_MAX_SIZE] = "";
    FILE *file = fopen(path, "rb");
    if (file == NULL) return errno == ENOENT ? FOUND_NONE : FOUND_WRONG;
    bool fine = fgets(line, sizeof line, file) != NULL && read_line(line, tickets);
    fclose(file);
    OPENSSL_cleanse(line, sizeof line);
    return fine ? FOUND_FINE : FOUND_WRONG;
}

/* ---- writing ---- */

static size_t write_line(char line[LINE_MAX_SIZE], const struct tls_tickets *tickets)
{
    int used = snprintf(line, LINE_MAX_SIZE, WORD " %" PRIu64 " ", tickets->period - 1);
    for (int i = 0; i < TLS_TICKET_SECRET; i++)
        used += snprintf(line + used, LINE_MAX_SIZE - (size_t)used, "%02x", tickets->secret[i]);
    used += snprintf(line + used, LINE_MAX_SIZE - (size_t)used, "\n");
    return (size_t)used;
}

/* As a new file that only its owner can read, which takes the place of the old one. Its name is one that nobody can know
 * before: others may write to the folder, and processes on other machines may have the same number. Where nothing can take
 * the place of a file, that is removed first. */
static bool write_file(const char *path, const struct tls_tickets *tickets)
{
    char line[LINE_MAX_SIZE], aside[TLS_PATH_MAX + 32];
    uint64_t number;
    if (RAND_bytes((unsigned char *)&number, sizeof number) != 1) return false;
    snprintf(aside, sizeof aside, "%s.%016" PRIx64, path, number);
    int file = open(aside, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (file < 0) return false;
    size_t size = write_line(line, tickets);
    bool fine = write(file, line, (unsigned)size) == (int)size;
    OPENSSL_cleanse(line, sizeof line);
    fine = close(file) == 0 && fine;
    fine = fine && (rename(aside, path) == 0 || (remove(path) == 0 && rename(aside, path) == 0));
    if (!fine) remove(aside);
    return fine;
}

/* ---- both ---- */

static void take(struct tls_source *source, const struct tls_tickets *tickets)
{
    pthread_mutex_lock(&source->mutex);
    source->tickets = *tickets;
    pthread_mutex_unlock(&source->mutex);
}

/* A file that others write, and that cannot be written here, is as good. */
bool tls_source_keep_tickets(struct tls_source *source, const char *path, struct error *error)
{
    struct tls_tickets tickets = {.period = 0};
    uint64_t now = tls_tickets_period();
    enum found found = read_file(path, &tickets);
    if (found == FOUND_WRONG)
        return error_set(error, ERROR_INPUT,
                         "tls: ticket_keys: %s cannot be read, or has no keys of tickets: remove "
                         "it, and it is made anew",
                         path);
    uint64_t before = found == FOUND_FINE ? tickets.period : 0;
    bool goes_on = found == FOUND_FINE && tls_tickets_advance(&tickets, now);
    bool fine = goes_on || tls_tickets_open(&tickets);
    if (fine && tickets.period != before) fine = write_file(path, &tickets) || before != 0;
    if (fine) take(source, &tickets);
    OPENSSL_cleanse(&tickets, sizeof tickets);
    return fine || error_set(error, ERROR_INPUT, "tls: ticket_keys: %s cannot be made: %s", path,
                             strerror(errno));
}
