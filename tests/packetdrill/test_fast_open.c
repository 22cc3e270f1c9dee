/*
 * Goal:   what scripts set of Fast Open reaches the stack: tcp_fastopen and tcp_fastopen_key.
 * Method: a folder of files in the place of /proc/sys/net/ipv4; the SYN that a client sends, and
 *         the answer that a listener gives.
 */
#include "tests/packetdrill/test_settings.h"

#include <errno.h>
#include <string.h>

#define NEW_KEY "11111111-22222222-33333333-44444444"
#define OLD_KEY "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4"

/* Of LOCAL and REMOTE under OLD_KEY, as Linux makes it. */
static const uint8_t old_cookie[] = {0x30, 0x21, 0xb9, 0xd8, 0x89, 0x01, 0x7e, 0xeb};

/* A write of five bytes that is to go with the SYN. */
static void of_clients(void **state)
{
    static const struct {
        const char *value;
        int error; /* 0: it is taken */
        bool option;
    } rows[] = {
        {"0", EOPNOTSUPP, false},
        {"1", EINPROGRESS, true},
        {"2", EOPNOTSUPP, false},
        {"5", 0, false}, /* with no cookie */
    };
    struct bed *bed = *state;
    struct sockaddr_in to = address(REMOTE, REMOTE_PORT);

    for (unsigned row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        struct packet syn;
        ssize_t taken;
        int fd;

        set("tcp_fastopen", rows[row].value);
        open_again(bed, "");
        fd = bed->table.socket(bed->self, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP);
        taken = bed->table.sendto(bed->self, fd, "hello", 5, MSG_FASTOPEN, (struct sockaddr *)&to,
                                  sizeof to);
        assert_int_equal(taken, rows[row].error == 0 ? 5 : -1);
        assert_int_equal(taken < 0 ? errno : 0, rows[row].error);
        assert_int_equal(receive(bed, &syn), rows[row].error != EOPNOTSUPP);
        assert_int_equal(syn.fast_open, rows[row].option);
        assert_int_equal(syn.cookie_bytes, 0);
        assert_int_equal(syn.bytes, rows[row].error == 0 ? 5 : 0);
    }
    unset("tcp_fastopen");
}

/* The SYN asks for a cookie, or brings text without one. */
static void of_listeners(void **state)
{
    static const struct {
        const char *value;
        int backlog; /* of the socket option; 0: it is not set */
        bool gives_cookie;
        bool takes_text;
    } rows[] = {
        {"1", 5, false, false},     {"2", 0, false, false},     {"2", 5, true, false},
        {"0x402", 0, true, false},  {"0x400", 5, false, false}, {"0x202", 5, false, true},
        {"0x200", 5, false, false},
    };
    struct bed *bed = *state;

    for (unsigned row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        for (unsigned text = 0; text < 2; text++) {
            struct packet answer;
            int fd;

            set("tcp_fastopen", rows[row].value);
            open_again(bed, "");
            fd = listening(bed);
            if (rows[row].backlog > 0) {
                assert_int_equal(set_option(bed, fd, TCP_FASTOPEN, rows[row].backlog), 0);
            }
            PEER(.flags = SYN, .seq = bed->iss, .fast_open = !text, .bytes = text * 5);
            answer = expect(bed, SYN | ACK, 0);
            assert_int_equal(answer.ack, bed->iss + 1 + (rows[row].takes_text ? text * 5 : 0));
            assert_int_equal(answer.fast_open, rows[row].gives_cookie && !text);
        }
    }
    unset("tcp_fastopen");
}

/* What a listener with that key answers to a SYN of five bytes with that cookie, or none. */
static struct packet answer_of(struct bed *bed, const char *key, const uint8_t *cookie)
{
    struct packet syn = {.flags = SYN,
                         .seq = bed->iss,
                         .local_port = LOCAL_PORT,
                         .remote_port = REMOTE_PORT,
                         .fast_open = true,
                         .bytes = 5};

    if (cookie) {
        syn.cookie_bytes = sizeof old_cookie;
        memcpy(syn.cookie, cookie, sizeof old_cookie);
    }
    set("tcp_fastopen", "0x402");
    set("tcp_fastopen_key", key);
    open_again(bed, "");
    (void)listening(bed);
    inject(bed, &syn);
    unset("tcp_fastopen");
    unset("tcp_fastopen_key");
    return expect(bed, SYN | ACK, 0);
}

/* Cookies are Linux's with the same key; those of an older one are taken, and replaced. */
static void keys(void **state)
{
    static const struct {
        const char *key;
        bool takes_text, gives_cookie;
    } rows[] = {
        {OLD_KEY, true, false},
        {NEW_KEY "," OLD_KEY, true, true},
        {OLD_KEY "," NEW_KEY, true, false},
        {NEW_KEY, false, true},
    };
    struct bed *bed = *state;
    struct packet answer = answer_of(bed, OLD_KEY, NULL);
    uint8_t new_cookie[COOKIE_BYTES];

    assert_int_equal(answer.cookie_bytes, sizeof old_cookie);
    assert_memory_equal(answer.cookie, old_cookie, sizeof old_cookie);
    answer = answer_of(bed, NEW_KEY, NULL);
    memcpy(new_cookie, answer.cookie, sizeof new_cookie);
    assert_memory_not_equal(new_cookie, old_cookie, sizeof old_cookie);
    for (unsigned row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        answer = answer_of(bed, rows[row].key, old_cookie);
        assert_int_equal(answer.ack, bed->iss + 1 + (rows[row].takes_text ? 5 : 0));
        assert_int_equal(answer.fast_open, rows[row].gives_cookie);
        if (answer.fast_open) {
            assert_memory_equal(answer.cookie, new_cookie, sizeof new_cookie);
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(of_clients, setup, teardown),
        cmocka_unit_test_setup_teardown(of_listeners, setup, teardown),
        cmocka_unit_test_setup_teardown(keys, setup, teardown),
    };

    return argc < 2 || !bed_load(argv[1])
               ? 1
               : cmocka_run_group_tests(tests, settings_begin, settings_end);
}
