/*
 * Goal:   two tuples are equal when all four parts are, the hash depends on each
 *         bit of them and of the key, and spreads what resembles each other.
 * Method: a tuple of each family with one bit turned at a time; then the tuples
 *         that a server meets, counted into buckets by the low and the high bits.
 */
#include "tcp/tuple.h"

#include "datapath/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define TUPLE_BITS (8 * offsetof(struct tcp_tuple, zero))
#define BUCKETS 1024u
#define PER_BUCKET 16u

static const uint64_t key[2] = {0x0123456789abcdefu, 0xfedcba9876543210u};

static struct tcp_tuple make(const char *local, const char *remote)
{
    struct tcp_tuple tuple = {.local_port = 80, .remote_port = 40000};

    assert_int_equal(ip_addr_parse(local, &tuple.local), 0);
    assert_int_equal(ip_addr_parse(remote, &tuple.remote), 0);
    return tuple;
}

static struct tcp_tuple turned(const struct tcp_tuple *tuple, unsigned bit)
{
    struct tcp_tuple other = *tuple;
    uint8_t bytes[sizeof other];

    memcpy(bytes, &other, sizeof other);
    bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1u << bit % 8);
    memcpy(&other, bytes, sizeof other);
    return other;
}

static void each_bit_tells_tuples_apart(void **state)
{
    const struct tcp_tuple tuples[] = {make("10.0.0.1", "10.0.0.2"),
                                       make("2001:db8::1", "2001:db8::2")};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(tuples); i++) {
        struct tcp_tuple same = tuples[i];

        assert_true(tuple_equal(&tuples[i], &same));
        assert_int_equal(tuple_hash(&tuples[i], key), tuple_hash(&same, key));
        for (unsigned bit = 0; bit < TUPLE_BITS; bit++) {
            struct tcp_tuple other = turned(&tuples[i], bit);

            assert_false(tuple_equal(&tuples[i], &other));
            assert_int_not_equal(tuple_hash(&tuples[i], key), tuple_hash(&other, key));
        }
    }
}

/* Our side and theirs do not stand for each other. */
static void direction_matters(void **state)
{
    struct tcp_tuple tuple = make("10.0.0.1", "10.0.0.2");
    struct tcp_tuple addresses = make("10.0.0.2", "10.0.0.1");
    struct tcp_tuple ports = tuple;

    (void)state;
    ports.local_port = tuple.remote_port;
    ports.remote_port = tuple.local_port;
    assert_false(tuple_equal(&tuple, &addresses));
    assert_false(tuple_equal(&tuple, &ports));
    assert_int_not_equal(tuple_hash(&tuple, key), tuple_hash(&addresses, key));
    assert_int_not_equal(tuple_hash(&tuple, key), tuple_hash(&ports, key));
}

static void each_bit_of_the_key_matters(void **state)
{
    struct tcp_tuple tuple = make("10.0.0.1", "10.0.0.2");

    (void)state;
    for (unsigned bit = 0; bit < 128; bit++) {
        uint64_t other[2] = {key[0], key[1]};

        other[bit / 64] ^= 1ull << bit % 64;
        assert_int_not_equal(tuple_hash(&tuple, key), tuple_hash(&tuple, other));
    }
}

/* Sixteen to a bucket at random; a Poisson distribution has 45 and more in any of
 * 2048 buckets once in a million draws. */
static void assert_spread(const unsigned *counts, const char *name)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        if (counts[i] > 45) {
            fail_msg("%s: bucket %u has %u", name, i, counts[i]);
        }
    }
}

static void similar_tuples_spread(void **state)
{
    static const struct {
        const char *name;
        const char *remote;
        unsigned addresses; /* consecutive; the rest of the tuples in ports */
    } cases[] = {
        {"one client, all ports", "10.0.0.2", 1},
        {"a network, one port", "10.1.0.0", BUCKETS * PER_BUCKET},
        {"both", "192.168.0.0", 128},
        {"a network of IPv6", "2001:db8::", BUCKETS * PER_BUCKET},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        unsigned low[BUCKETS] = {0};
        unsigned high[BUCKETS] = {0};

        for (unsigned j = 0; j < BUCKETS * PER_BUCKET; j++) {
            struct tcp_tuple tuple = make("10.0.0.1", cases[i].remote);
            uint32_t host = j % cases[i].addresses;
            uint64_t hash;

            tuple.remote.bytes[14] = (uint8_t)(host >> 8);
            tuple.remote.bytes[15] = (uint8_t)host;
            tuple.remote_port = (uint16_t)(1024 + j / cases[i].addresses);
            hash = tuple_hash(&tuple, key);
            low[hash % BUCKETS]++;
            high[hash >> 54]++;
        }
        assert_spread(low, cases[i].name);
        assert_spread(high, cases[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_bit_tells_tuples_apart),
        cmocka_unit_test(direction_matters),
        cmocka_unit_test(each_bit_of_the_key_matters),
        cmocka_unit_test(similar_tuples_spread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
