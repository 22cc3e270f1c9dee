#include "tcp/isn.h"

#include "tcp/siphash.h"

#include <string.h>

/* Makes unrelated functions of one. */
enum purpose {
    PURPOSE_ISN = 1,
    PURPOSE_PORT = 2,
};

/* IPv4 addresses go without the part that is the same in all: 10 rounds instead of
 * 16. SipHash takes the length in, so that no tuple of one family stands for one of
 * the other. */
static uint64_t keyed(const uint64_t secret[2], const struct tcp_tuple *tuple, enum purpose purpose)
{
    uint64_t words[5];

    words[0] = (uint64_t)purpose << 32 | (uint32_t)tuple->local_port << 16 | tuple->remote_port;
    if (ip_addr_is_v4(&tuple->local) && ip_addr_is_v4(&tuple->remote)) {
        words[1] = tuple->remote.halves[1] >> 32 | tuple->local.halves[1] >> 32 << 32;
        return siphash_2_4(secret, words, 2 * sizeof words[0]);
    }
    memcpy(&words[1], &tuple->local, sizeof tuple->local);
    memcpy(&words[3], &tuple->remote, sizeof tuple->remote);
    return siphash_2_4(secret, words, sizeof words);
}

struct isn isn_make(const uint64_t secret[2], const struct tcp_tuple *tuple, uint64_t now_ns)
{
    uint64_t random = keyed(secret, tuple, PURPOSE_ISN);

    return (struct isn){
        .number = (uint32_t)(now_ns >> 12) + (uint32_t)random,
        .ts_offset = (uint32_t)(random >> 32),
    };
}

uint32_t isn_port_offset(const uint64_t secret[2], const struct tcp_tuple *tuple)
{
    return (uint32_t)keyed(secret, tuple, PURPOSE_PORT);
}
