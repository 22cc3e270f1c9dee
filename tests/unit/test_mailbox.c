/*
 * Goal:   messages are taken in the order in which each thread posted them, none is
 *         lost, and a worker that went to sleep is woken by the next one.
 * Method: one thread alone; then two posters against a taker that sleeps on the
 *         descriptor whenever the mailbox is empty: a lost wake-up would leave it
 *         there, and the bounded wait fails.
 */
#include "api/mailbox.h"
#include "datapath/util.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define POSTERS 2u
#define EACH 20000u

struct note {
    struct hr_message message;
    unsigned poster;
    unsigned number;
};

static void in_order(void **state)
{
    struct mailbox mailbox;
    struct note notes[5];
    struct hr_message *message;
    unsigned count = 0;

    (void)state;
    assert_int_equal(mailbox_open(&mailbox), 0);
    assert_null(mailbox_take(&mailbox));
    for (unsigned i = 0; i < COUNT_OF(notes); i++) {
        notes[i].number = i;
        mailbox_post(&mailbox, &notes[i].message);
    }
    for (message = mailbox_take(&mailbox); message; message = message->next) {
        assert_int_equal(((struct note *)message)->number, count++);
    }
    assert_int_equal(count, COUNT_OF(notes));
    assert_null(mailbox_take(&mailbox));
    mailbox_close(&mailbox);
}

static bool is_woken(const struct mailbox *mailbox, int wait_ms)
{
    struct pollfd fd = {.fd = mailbox->wake_fd, .events = POLLIN};

    return poll(&fd, 1, wait_ms) == 1;
}

static void only_a_sleeper_is_woken(void **state)
{
    struct mailbox mailbox;
    struct note notes[2];

    (void)state;
    assert_int_equal(mailbox_open(&mailbox), 0);
    mailbox_post(&mailbox, &notes[0].message);
    assert_false(is_woken(&mailbox, 0));
    mailbox_sleep(&mailbox);
    mailbox_post(&mailbox, &notes[1].message);
    assert_true(is_woken(&mailbox, 0));
    mailbox_awake(&mailbox);
    assert_false(is_woken(&mailbox, 0));
    mailbox_close(&mailbox);
}

struct poster {
    struct mailbox *mailbox;
    struct note *notes;
    unsigned index;
};

static void *post_all(void *argument)
{
    const struct poster *poster = argument;

    for (unsigned i = 0; i < EACH; i++) {
        poster->notes[i].poster = poster->index;
        poster->notes[i].number = i;
        mailbox_post(poster->mailbox, &poster->notes[i].message);
    }
    return NULL;
}

static unsigned take(struct mailbox *mailbox, unsigned next[POSTERS])
{
    struct hr_message *message = mailbox_take(mailbox);
    unsigned count = 0;

    while (message) {
        const struct note *note = (const struct note *)message;

        message = message->next;
        assert_int_equal(note->number, next[note->poster]++);
        count++;
    }
    return count;
}

static void no_wake_up_is_lost(void **state)
{
    struct mailbox mailbox;
    struct poster posters[POSTERS];
    pthread_t threads[POSTERS];
    unsigned next[POSTERS] = {0};
    unsigned count = 0;

    (void)state;
    assert_int_equal(mailbox_open(&mailbox), 0);
    for (unsigned i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){&mailbox, calloc(EACH, sizeof(struct note)), i};
        assert_non_null(posters[i].notes);
        assert_int_equal(pthread_create(&threads[i], NULL, post_all, &posters[i]), 0);
    }
    while (count < POSTERS * EACH) {
        mailbox_sleep(&mailbox);
        if (atomic_load(&mailbox.newest) == NULL) {
            assert_true(is_woken(&mailbox, 30000));
        }
        mailbox_awake(&mailbox);
        count += take(&mailbox, next);
    }
    for (unsigned i = 0; i < POSTERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        free(posters[i].notes);
    }
    mailbox_close(&mailbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),
        cmocka_unit_test(only_a_sleeper_is_woken),
        cmocka_unit_test(no_wake_up_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
