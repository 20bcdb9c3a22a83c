/* Mail of other threads, on every backend that this platform has. */
#include "port_talk.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

struct letter {
    struct mail mail;
    int number;
};

static void *post_letters(void *argument)
{
    struct port *port = argument;
    for (int i = 0; i < 1000; i++) {
        struct letter *letter = malloc(sizeof *letter);
        letter->number = i;
        port_post(port, &letter->mail);
    }
    return NULL;
}

static void takes_mail(struct port *port)
{
    pthread_t thread;
    struct port_event event;
    cr_assert_eq(pthread_create(&thread, NULL, post_letters, port), 0);
    for (int i = 0; i < 1000; i++) {
        event = next(port);
        cr_assert_eq(event.kind, PORT_POSTED);
        struct letter *letter = container_of(event.mail, struct letter, mail);
        cr_assert_eq(letter->number, i);
        free(letter);
    }
    pthread_join(thread, NULL);
    cr_assert_eq(port_harvest(port, &event, 1, port_clock(port) + TICK_NS), 0);
}

ON_EACH_BACKEND(is_woken_by_mail_of_another_thread, takes_mail)

ON_EACH_BACKEND(is_woken_while_it_waits_for_long, is_woken)

/* More of it than one harvest has room for, and never less, while bytes are on their way. */
static void mail_leaves_room(struct port *port)
{
    enum { LETTERS = 1000, EVENTS = 8, HARVESTS_MAX = 1000000 };
    static struct letter letters[LETTERS];
    struct talk talk;
    int taken = 0, harvests = 0;
    begin(&talk, port);
    port_recv_start(port, &talk.socket);
    cr_assert(nothing_comes(&talk));
    peer_says(&talk, "me too");
    for (int i = 0; i < LETTERS; i++) port_post(port, &letters[i].mail);
    for (bool heard = false; !heard;) {
        struct port_event events[EVENTS];
        int count = port_harvest(port, events, EVENTS, port_clock(port) + TICK_NS);
        cr_assert(harvests++ < HARVESTS_MAX, "bytes have to wait until there is no mail");
        for (int i = 0; i < count; i++) {
            if (events[i].kind != PORT_POSTED) {
                take(&events[i]);
                heard = true;
                continue;
            }
            cr_assert_eq(events[i].mail, &letters[taken % LETTERS].mail);
            port_post(port, &letters[taken++ % LETTERS].mail);
        }
    }
    for (int left = LETTERS; left > 0; left--) cr_assert_eq(next(port).kind, PORT_POSTED);
    expect_bytes(&talk, "me too");
    finish(&talk);
}

ON_EACH_BACKEND(hears_bytes_beside_more_mail_than_it_can_take, mail_leaves_room)
