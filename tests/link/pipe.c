#include "tests/link/pipe.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t ring_mask = PIPE_PACKETS_MAX - 1;

static_assert((PIPE_PACKETS_MAX & (PIPE_PACKETS_MAX - 1)) == 0, "places are masked");

enum {
    ETHERNET_BYTES = 14,
    IPV4_BYTES = 20,
    IPV6_BYTES = 40,
    ECN_MASK = 3,
    ECN_CE = 3,
};

/* splitmix64: any seed is a good one. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static bool is_lost(struct pipe *pipe)
{
    return (double)(next_random(&pipe->random) >> 11) * 0x1p-53 < pipe->settings.loss;
}

/* The sum of a header whose first 16 bits have grown by `more`: ~(~sum + more) in ones'
 * complement (RFC 1624 equation 3). */
static void add_to_header(uint8_t *sum_bytes, unsigned more)
{
    unsigned sum = (unsigned)(sum_bytes[0] << 8 | sum_bytes[1]);

    sum = (~sum & 0xffffu) + more;
    sum = (sum & 0xffffu) + (sum >> 16);
    sum = ~sum & 0xffffu;
    sum_bytes[0] = (uint8_t)(sum >> 8);
    sum_bytes[1] = (uint8_t)sum;
}

/* Whether it is CE now and was ECT: what is not of an ECN transport stays as it is. */
static bool mark(uint8_t *frame, uint32_t length)
{
    uint8_t *ip = frame + ETHERNET_BYTES;
    unsigned type = (unsigned)(frame[12] << 8 | frame[13]);
    unsigned ecn;

    if (type == 0x0800 && length >= ETHERNET_BYTES + IPV4_BYTES) {
        ecn = ip[1] & ECN_MASK;
        if (ecn == 0 || ecn == ECN_CE) {
            return false;
        }
        ip[1] |= ECN_CE;
        add_to_header(ip + 10, ECN_CE - ecn);
        return true;
    }
    if (type == 0x86dd && length >= ETHERNET_BYTES + IPV6_BYTES) {
        ecn = (ip[1] >> 4) & ECN_MASK;
        if (ecn == 0 || ecn == ECN_CE) {
            return false;
        }
        ip[1] |= ECN_CE << 4;
        return true;
    }
    return false;
}

int pipe_init(struct pipe *pipe, const struct pipe_settings *settings)
{
    *pipe = (struct pipe){.settings = *settings, .random = settings->seed};
    pipe->packets = calloc(PIPE_PACKETS_MAX, sizeof *pipe->packets);
    return pipe->packets ? 0 : -1;
}

void pipe_free(struct pipe *pipe)
{
    free(pipe->packets);
}

/* What the rate has let go by now does not wait any longer. */
static void advance(struct pipe *pipe, uint64_t now_ns)
{
    while (pipe->sent != pipe->tail && pipe->packets[pipe->sent & ring_mask].sent_ns <= now_ns) {
        pipe->waiting_bytes -= pipe->packets[pipe->sent & ring_mask].length;
        pipe->sent++;
    }
}

void pipe_put(struct pipe *pipe, const uint8_t *bytes, uint32_t length, uint64_t now_ns)
{
    const struct pipe_settings *settings = &pipe->settings;
    struct pipe_packet *packet = &pipe->packets[pipe->tail & ring_mask];

    assert(length <= PIPE_PACKET_BYTES_MAX);
    pipe->counters.packets++;
    advance(pipe, now_ns);
    if (is_lost(pipe)) {
        pipe->counters.lost++;
        return;
    }
    if (pipe->waiting_bytes + length > settings->queue_bytes_max ||
        pipe->tail - pipe->head == PIPE_PACKETS_MAX) {
        pipe->counters.dropped_by_queue++;
        return;
    }
    memcpy(packet->bytes, bytes, length);
    packet->length = length;
    if (settings->marks && pipe->waiting_bytes > settings->mark_bytes &&
        mark(packet->bytes, length)) {
        pipe->counters.marked++;
    }
    if (pipe->free_ns < now_ns) {
        pipe->free_ns = now_ns;
    }
    if (settings->rate_bytes_s > 0) {
        pipe->free_ns += (uint64_t)((double)length / settings->rate_bytes_s * 1e9);
    }
    packet->sent_ns = pipe->free_ns;
    pipe->waiting_bytes += length;
    if (pipe->waiting_bytes > pipe->counters.queue_bytes_largest) {
        pipe->counters.queue_bytes_largest = pipe->waiting_bytes;
    }
    pipe->tail++;
}

const struct pipe_packet *pipe_first(const struct pipe *pipe)
{
    return pipe->head == pipe->tail ? NULL : &pipe->packets[pipe->head & ring_mask];
}

uint64_t pipe_due_ns(const struct pipe *pipe)
{
    const struct pipe_packet *packet = pipe_first(pipe);

    return packet ? packet->sent_ns + pipe->settings.delay_ns : UINT64_MAX;
}

void pipe_take(struct pipe *pipe)
{
    assert(pipe->head != pipe->tail);
    if (pipe->sent == pipe->head) {
        pipe->waiting_bytes -= pipe->packets[pipe->head & ring_mask].length;
        pipe->sent++;
    }
    pipe->head++;
    pipe->counters.forwarded++;
}
