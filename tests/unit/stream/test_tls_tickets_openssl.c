/* Keys of session tickets, in memory and in a file that several programs have. */
#include "tls_desk.h"

#include <unistd.h>

static char keys_path[TEMPORARY_PATH_MAX + 100];

static void begin(void)
{
    desk_open_folder();
    snprintf(keys_path, sizeof keys_path, "%s/tickets", desk_folder);
}

static void write_text(const char *text)
{
    BIO *file = desk_file("tickets");
    BIO_puts(file, text);
    BIO_free(file);
}

static void read_text(char text[200])
{
    BIO *file = BIO_new_file(keys_path, "rb");
    cr_assert_not_null(file);
    int size = BIO_read(file, text, 199);
    text[size < 0 ? 0 : size] = '\0';
    BIO_free(file);
}

static void open_source(struct tls_source *source)
{
    cr_assert(tls_source_open(source, context_of("self-signed")));
}

static void keep(struct tls_source *source)
{
    struct error error = {.text = ""};
    cr_assert(tls_source_keep_tickets(source, keys_path, &error), "%s", error.text);
}

static bool same_keys(const struct tls_source *one, const struct tls_source *other)
{
    return one->tickets.period == other->tickets.period &&
           memcmp(one->tickets.keys, other->tickets.keys, sizeof one->tickets.keys) == 0;
}

Test(tls_tickets, the_key_of_a_period_is_kept_for_the_next)
{
    struct tls_tickets tickets;
    uint8_t first[TLS_TICKET_KEY];
    cr_assert(tls_tickets_open(&tickets));
    cr_assert_neq(memcmp(tickets.keys[0], tickets.keys[1], TLS_TICKET_KEY), 0);
    memcpy(first, tickets.keys[0], sizeof first);
    uint64_t period = tickets.period;
    cr_assert(tls_tickets_advance(&tickets, period + 1));
    cr_assert_arr_eq(tickets.keys[1], first, sizeof first);
    cr_assert_neq(memcmp(tickets.keys[0], first, sizeof first), 0);
    cr_assert(tls_tickets_advance(&tickets, period), "a clock that was set back changes nothing");
    cr_assert_eq(tickets.period, period + 1);
    cr_assert_not(tls_tickets_advance(&tickets, period + 100000));
    tls_tickets_close(&tickets);
}

/* However many steps it takes. */
Test(tls_tickets, all_who_have_the_file_have_the_same_keys)
{
    struct tls_source one, other;
    char before[200], after[200];
    begin();
    open_source(&one);
    open_source(&other);
    cr_assert_not(same_keys(&one, &other));
    keep(&one);
    keep(&other);
    cr_assert(same_keys(&one, &other));
    read_text(before);
    keep(&one);
    read_text(after);
    cr_assert_str_eq(before, after);
    one.tickets.period += 2; /* it was kept in memory while the file was gone */
    keep(&one);
    cr_assert(same_keys(&one, &other), "the file says what they are");
    tls_source_close(&other);
    tls_source_close(&one);
    temporary_remove(desk_folder);
}

Test(tls_tickets, a_file_from_before_goes_on_to_now)
{
    struct tls_source one, other;
    char text[200], expected[100];
    begin();
    snprintf(text, sizeof text, "moonport-tickets %llu %064d\n",
             (unsigned long long)tls_tickets_period() - 5, 7);
    write_text(text);
    open_source(&one);
    open_source(&other);
    keep(&one);
    cr_assert_eq(one.tickets.period, tls_tickets_period());
    read_text(text);
    snprintf(expected, sizeof expected, "moonport-tickets %llu ",
             (unsigned long long)one.tickets.period - 1);
    cr_assert_eq(strncmp(text, expected, strlen(expected)), 0, "%s", text);
    keep(&other);
    cr_assert(same_keys(&one, &other));
    write_text("moonport-tickets 5 "
               "0000000000000000000000000000000000000000000000000000000000000007\n");
    keep(&one);
    cr_assert_eq(one.tickets.period, tls_tickets_period(), "too long ago: made anew");
    cr_assert_not(same_keys(&one, &other));
    tls_source_close(&other);
    tls_source_close(&one);
    temporary_remove(desk_folder);
}

static void refuses(struct tls_source *source, const char *text)
{
    struct error error = {.text = ""};
    const struct tls_source before = *source;
    char after[200];
    write_text(text);
    cr_assert_not(tls_source_keep_tickets(source, keys_path, &error), "%s", text);
    cr_assert_not_null(strstr(error.text, "tickets cannot be read"), "%s", error.text);
    cr_assert(same_keys(source, &before));
    read_text(after);
    cr_assert_str_eq(after, text, "it is left as it is");
}

Test(tls_tickets, what_is_no_such_file_is_left_alone)
{
    struct tls_source source;
    begin();
    open_source(&source);
#define DIGITS "0000000000000000000000000000000000000000000000000000000000000007"
    refuses(&source, "");
    refuses(&source, "-----BEGIN PRIVATE KEY-----\n");
    refuses(&source, "moonport-tickets 80000\n");
    refuses(&source, "moonport-tickets 80000 00\n");
    refuses(&source, "moonport-tickets 80000 " DIGITS "0\n");
    refuses(&source, "moonport-tickets x " DIGITS "\n");
    refuses(&source, "moonport-tickets -1 " DIGITS "\n");
    refuses(&source, "moonport-tickets 80000-" DIGITS "\n");
    tls_source_close(&source);
    temporary_remove(desk_folder);
}

Test(tls_tickets, a_file_that_is_removed_is_made_anew)
{
    struct tls_source one, other;
    uint8_t before[TLS_TICKET_KEY];
    begin();
    open_source(&one);
    open_source(&other);
    keep(&one);
    memcpy(before, one.tickets.keys[0], sizeof before);
    cr_assert_eq(remove(keys_path), 0);
    keep(&one);
    keep(&other);
    cr_assert_neq(memcmp(one.tickets.keys[0], before, sizeof before), 0);
    cr_assert(same_keys(&one, &other));
    tls_source_close(&other);
    tls_source_close(&one);
    temporary_remove(desk_folder);
}

/* Programs on several machines may have the same number. */
Test(tls_tickets, what_stands_beside_the_file_is_left_alone)
{
    struct tls_source source;
    char name[100], path[TEMPORARY_PATH_MAX + 200], text[10] = "";
    begin();
    open_source(&source);
    snprintf(name, sizeof name, "tickets.%ld", (long)getpid());
    snprintf(path, sizeof path, "%s/%s", desk_folder, name);
    BIO *file = desk_file(name);
    BIO_puts(file, "theirs");
    BIO_free(file);
    keep(&source);
    file = BIO_new_file(path, "rb");
    cr_assert_not_null(file);
    BIO_read(file, text, sizeof text - 1);
    BIO_free(file);
    cr_assert_str_eq(text, "theirs");
    tls_source_close(&source);
    temporary_remove(desk_folder);
}

Test(tls_tickets, a_file_that_cannot_be_made_is_an_error)
{
    struct tls_source source;
    struct error error = {.text = ""};
    begin();
    open_source(&source);
    strcat(keys_path, "/none/tickets");
    cr_assert_not(tls_source_keep_tickets(&source, keys_path, &error));
    cr_assert_not_null(strstr(error.text, "cannot be made"), "%s", error.text);
    tls_source_close(&source);
    temporary_remove(desk_folder);
}
