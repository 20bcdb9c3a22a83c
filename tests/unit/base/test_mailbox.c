#include "base/mailbox.h"

#include <criterion/criterion.h>
#include <pthread.h>

struct letter {
    struct mail mail;
    int poster, number;
};

enum { POSTERS = 4, LETTERS = 20000 };

struct office {
    struct mailbox box;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    unsigned wakes;
    struct letter letters[POSTERS][LETTERS];
};

static struct office office = {.lock = PTHREAD_MUTEX_INITIALIZER,
                               .woken = PTHREAD_COND_INITIALIZER};

Test(mailbox, what_one_poster_posts_arrives_in_order)
{
    struct mailbox box = {.oldest = NULL};
    struct mail mails[5];
    cr_assert_null(mailbox_take(&box));
    for (int i = 0; i < 3; i++) mailbox_post(&box, &mails[i]);
    cr_assert_eq(mailbox_take(&box), &mails[0]);
    for (int i = 3; i < 5; i++) mailbox_post(&box, &mails[i]);
    for (int i = 1; i < 5; i++) cr_assert_eq(mailbox_take(&box), &mails[i]);
    cr_assert_null(mailbox_take(&box));
}

Test(mailbox, asks_to_wake_the_owner_only_when_it_was_empty)
{
    struct mailbox box = {.oldest = NULL};
    struct mail mails[4];
    cr_assert(mailbox_post(&box, &mails[0]));
    cr_assert_not(mailbox_post(&box, &mails[1]));
    cr_assert_not(mailbox_post(&box, &mails[2]));
    while (mailbox_take(&box) != NULL) continue;
    cr_assert(mailbox_post(&box, &mails[3]));
}

Test(mailbox, tells_whether_mail_waits)
{
    struct mailbox box = {.oldest = NULL};
    struct mail mails[2];
    cr_assert_not(mailbox_waiting(&box));
    mailbox_post(&box, &mails[0]);
    mailbox_post(&box, &mails[1]);
    cr_assert(mailbox_waiting(&box));
    mailbox_take(&box);
    cr_assert(mailbox_waiting(&box), "one was taken over, but not handed out");
    mailbox_take(&box);
    cr_assert_not(mailbox_waiting(&box));
}

static void *post_all(void *argument)
{
    struct letter *letters = argument;
    for (int i = 0; i < LETTERS; i++) {
        if (!mailbox_post(&office.box, &letters[i].mail)) continue;
        pthread_mutex_lock(&office.lock);
        office.wakes++;
        pthread_cond_signal(&office.woken);
        pthread_mutex_unlock(&office.lock);
    }
    return NULL;
}

static unsigned sleep_until_woken(unsigned seen)
{
    pthread_mutex_lock(&office.lock);
    while (office.wakes == seen) pthread_cond_wait(&office.woken, &office.lock);
    seen = office.wakes;
    pthread_mutex_unlock(&office.lock);
    return seen;
}

/* The owner sleeps whenever the box is empty: a wake that is missing would leave it asleep. */
Test(mailbox, loses_nothing_between_many_posters_and_an_owner_that_sleeps)
{
    pthread_t threads[POSTERS];
    int next[POSTERS] = {0};
    unsigned seen = 0;
    for (int poster = 0; poster < POSTERS; poster++) {
        struct letter *letters = office.letters[poster];
        for (int i = 0; i < LETTERS; i++)
            letters[i] = (struct letter){.poster = poster, .number = i};
        cr_assert_eq(pthread_create(&threads[poster], NULL, post_all, letters), 0);
    }
    for (int received = 0; received < POSTERS * LETTERS; received++) {
        struct mail *mail;
        while ((mail = mailbox_take(&office.box)) == NULL) seen = sleep_until_woken(seen);
        struct letter *letter = (struct letter *)mail;
        int expected = next[letter->poster]++;
        if (letter->number != expected) cr_assert_eq(letter->number, expected);
    }
    for (int poster = 0; poster < POSTERS; poster++) {
        pthread_join(threads[poster], NULL);
        cr_assert_eq(next[poster], LETTERS);
    }
    cr_assert_null(mailbox_take(&office.box));
}
