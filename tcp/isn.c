#include "tcp/isn.h"

#include "tcp/siphash.h"

/* Makes three functions of one: the same tuple gives unrelated values. */
enum purpose {
    PURPOSE_ISN = 1,
    PURPOSE_TIMESTAMP = 2,
    PURPOSE_PORT = 3,
};

static uint32_t keyed(const uint64_t secret[2], const struct tcp_tuple *tuple, enum purpose purpose)
{
    struct tcp_tuple input = *tuple;

    input.zero = (uint32_t)purpose;
    return (uint32_t)siphash_2_4(secret, &input, sizeof input);
}

uint32_t isn_make(const uint64_t secret[2], const struct tcp_tuple *tuple, uint64_t now_ns)
{
    return (uint32_t)(now_ns >> 12) + keyed(secret, tuple, PURPOSE_ISN);
}

uint32_t ts_offset_make(const uint64_t secret[2], const struct tcp_tuple *tuple)
{
    return keyed(secret, tuple, PURPOSE_TIMESTAMP);
}

uint32_t isn_port_offset(const uint64_t secret[2], const struct tcp_tuple *tuple)
{
    return keyed(secret, tuple, PURPOSE_PORT);
}
