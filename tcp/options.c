#include "tcp/options.h"

#include "datapath/util.h"
#include "tcp/fastopen_cache.h"

#include <assert.h>
#include <string.h>

enum kind {
    KIND_EOL = 0,
    KIND_NOP = 1,
    KIND_MSS = 2,
    KIND_WSCALE = 3,
    KIND_SACK_PERMITTED = 4,
    KIND_SACK = 5,
    KIND_TIMESTAMPS = 8,
    KIND_FAST_OPEN = 34,
    KIND_ACCECN_0 = 172,
    KIND_ACCECN_1 = 174,
};

/* With SACK-permitted in the place of the NOPs: in a SYN. */
#define SYN_TIMESTAMPS_ALIGNED 0x0402080au
#define SYN_MSS 0x0204u      /* MSS, length 4; the value follows */
#define SYN_WSCALE 0x010303u /* NOP, window scale, length 3; the shift follows */
#define SYN_BYTES 20u

static void take_sack(const uint8_t *value, unsigned length, struct tcp_segment *seg)
{
    if (length == 0 || length % 8 != 0 || length / 8 > TCP_SACK_BLOCKS_MAX) {
        return;
    }
    seg->options_seen |= TCP_OPT_SACK;
    seg->sack_count = (uint8_t)(length / 8);
    for (unsigned i = 0; i < seg->sack_count; i++) {
        seg->sack[i].start = be32_load(value + 8 * (size_t)i);
        seg->sack[i].end = be32_load(value + 8 * (size_t)i + 4);
    }
}

static void take_timestamps(const uint8_t *value, struct tcp_segment *seg)
{
    seg->options_seen |= TCP_OPT_TIMESTAMPS;
    seg->ts_val = be32_load(value);
    seg->ts_ecr = be32_load(value + 4);
}

/* RFC 7413 section 4.1.1: a request, or a cookie of 4 to 16 bytes, their number even. */
static void take_fast_open(const uint8_t *value, unsigned length, struct tcp_segment *seg)
{
    if (seg->flags & TCP_SYN &&
        (length == 0 || (length >= 4 && length <= FAST_OPEN_COOKIE_MAX && length % 2 == 0))) {
        seg->options_seen |= TCP_OPT_FAST_OPEN;
        seg->fast_open = value;
        seg->fast_open_length = (uint8_t)length;
    }
}

/* RFC 9768 section 3.2.3: fields of three bytes, as many as fit; in both orders the second is
 * the count of bytes with CE. */
static void take_accecn(const uint8_t *value, unsigned length, struct tcp_segment *seg)
{
    seg->options_seen |= TCP_OPT_ACCECN;
    seg->accecn_has_ceb = length >= 6;
    if (seg->accecn_has_ceb) {
        seg->accecn_ceb = (uint32_t)value[3] << 16 | be16_load(value + 4);
    }
}

/* One option whose value has `length` bytes; a known one with another length
 * than its own is as good as unknown. MSS, scale and SACK-permitted count on a
 * SYN only. */
static void take(uint8_t kind, const uint8_t *value, unsigned length, struct tcp_segment *seg)
{
    bool syn = (seg->flags & TCP_SYN) != 0;

    switch (kind) {
    case KIND_MSS:
        if (syn && length == 2) {
            seg->options_seen |= TCP_OPT_MSS;
            seg->mss = be16_load(value);
        }
        break;
    case KIND_WSCALE:
        if (syn && length == 1) {
            seg->options_seen |= TCP_OPT_WSCALE;
            seg->wscale = value[0];
        }
        break;
    case KIND_SACK_PERMITTED:
        if (syn && length == 0) {
            seg->options_seen |= TCP_OPT_SACK_PERMITTED;
        }
        break;
    case KIND_TIMESTAMPS:
        if (length == 8) {
            take_timestamps(value, seg);
        }
        break;
    case KIND_FAST_OPEN:
        take_fast_open(value, length, seg);
        break;
    case KIND_SACK:
        if (!syn) {
            take_sack(value, length, seg);
        }
        break;
    case KIND_ACCECN_0:
    case KIND_ACCECN_1:
        if (!syn || seg->flags & TCP_ACK) {
            take_accecn(value, length, seg);
        }
        break;
    default:
        break;
    }
}

/* A SYN with everything, in the order of Linux and of tcp_options_write(): nearly all
 * that come. */
static bool take_whole_syn(const uint8_t *at, unsigned length, struct tcp_segment *seg)
{
    if (length != SYN_BYTES || !(seg->flags & TCP_SYN) || be16_load(at) != SYN_MSS ||
        be32_load(at + 4) != SYN_TIMESTAMPS_ALIGNED || be32_load(at + 16) >> 8 != SYN_WSCALE) {
        return false;
    }
    seg->options_seen = TCP_OPT_MSS | TCP_OPT_SACK_PERMITTED | TCP_OPT_WSCALE;
    seg->mss = be16_load(at + 2);
    take_timestamps(at + 8, seg);
    seg->wscale = at[19];
    return true;
}

void tcp_options_parse(const uint8_t *at, unsigned length, struct tcp_segment *seg)
{
    seg->options_seen = 0;
    seg->sack_count = 0;
    if (length == TCP_TIMESTAMP_BYTES && be32_load(at) == TIMESTAMPS_ALIGNED) {
        take_timestamps(at + 4, seg);
        return;
    }
    if (take_whole_syn(at, length, seg)) {
        return;
    }
    while (length > 0 && at[0] != KIND_EOL) {
        unsigned option_bytes = 1;

        if (at[0] != KIND_NOP) {
            if (length < 2 || at[1] < 2 || at[1] > length) {
                return;
            }
            option_bytes = at[1];
            take(at[0], at + 2, option_bytes - 2, seg);
        }
        at += option_bytes;
        length -= option_bytes;
    }
}

/* Of that of accurate ECN, with what aligns it: an option behind it that begins with a NOP gives
 * the place of that for the fifth byte of one counter, as with Linux. */
static unsigned accecn_bytes(const struct tcp_options_out *options)
{
    unsigned seen = options->seen;
    unsigned bytes = 2u + 3u * options->accecn_fields;
    bool nop = seen & (TCP_OPT_SACK | TCP_OPT_WSCALE) ||
               (seen & TCP_OPT_SACK_PERMITTED && !(seen & TCP_OPT_TIMESTAMPS));

    return bytes % 4 == 1 && nop ? bytes - 1 : (bytes + 3u) & ~3u;
}

unsigned tcp_options_bytes(const struct tcp_options_out *options)
{
    unsigned bytes = 0;

    bytes += options->seen & TCP_OPT_MSS ? 4 : 0;
    if (options->seen & TCP_OPT_TIMESTAMPS) {
        bytes += TCP_TIMESTAMP_BYTES; /* SACK-permitted takes the place of its NOPs */
    } else if (options->seen & TCP_OPT_SACK_PERMITTED) {
        bytes += 4;
    }
    bytes += options->seen & TCP_OPT_WSCALE ? 4 : 0;
    bytes += options->seen & TCP_OPT_FAST_OPEN ? (2u + options->fast_open_length + 3u) & ~3u : 0;
    bytes += options->seen & TCP_OPT_SACK ? 4 + 8u * options->sack_count : 0;
    bytes += options->seen & TCP_OPT_ACCECN ? accecn_bytes(options) : 0;
    return bytes;
}

static uint8_t *write_sack(uint8_t *at, const struct tcp_options_out *options)
{
    be32_store(at, 0x01010000u | KIND_SACK << 8 | (2u + 8u * options->sack_count));
    at += 4;
    for (unsigned i = 0; i < options->sack_count; i++) {
        be32_store(at, options->sack[i].start);
        be32_store(at + 4, options->sack[i].end);
        at += 8;
    }
    return at;
}

static uint8_t *write_fast_open(uint8_t *at, const struct tcp_options_out *options)
{
    unsigned bytes = 2u + options->fast_open_length;

    at[0] = KIND_FAST_OPEN;
    at[1] = (uint8_t)bytes;
    memcpy(at + 2, options->fast_open, options->fast_open_length);
    while (bytes % 4 != 0) {
        at[bytes++] = KIND_NOP;
    }
    return at + bytes;
}

/* All but that of accurate ECN. */
static unsigned write_plain(uint8_t *at, const struct tcp_options_out *options)
{
    uint8_t *start = at;

    if (options->seen & TCP_OPT_MSS) {
        be32_store(at, KIND_MSS << 24 | 4 << 16 | options->mss);
        at += 4;
    }
    if (options->seen & TCP_OPT_TIMESTAMPS) {
        be32_store(at, options->seen & TCP_OPT_SACK_PERMITTED ? SYN_TIMESTAMPS_ALIGNED
                                                              : TIMESTAMPS_ALIGNED);
        be32_store(at + 4, options->ts_val);
        be32_store(at + 8, options->ts_ecr);
        at += TCP_TIMESTAMP_BYTES;
    } else if (options->seen & TCP_OPT_SACK_PERMITTED) {
        be32_store(at, 0x01010402u);
        at += 4;
    }
    if (options->seen & TCP_OPT_WSCALE) {
        be32_store(at, 0x01030300u | options->wscale);
        at += 4;
    }
    if (options->seen & TCP_OPT_FAST_OPEN) {
        at = write_fast_open(at, options);
    }
    if (options->seen & TCP_OPT_SACK) {
        at = write_sack(at, options);
    }
    assert(at - start <= (ptrdiff_t)TCP_OPTIONS_BYTES_MAX);
    return (unsigned)(at - start);
}

/* That of accurate ECN stands behind the timestamps: what is there moves, and the NOP that it
 * begins with may be written over. Apart, and the last call of its caller: so it costs the others
 * no registers. */
static RARE unsigned write_with_accecn(uint8_t *at, const struct tcp_options_out *options)
{
    unsigned plain = write_plain(at, options);
    unsigned gap = accecn_bytes(options);
    unsigned bytes = 2u + 3u * options->accecn_fields;
    unsigned before = options->seen & TCP_OPT_MSS ? 4 : 0;

    before += options->seen & TCP_OPT_TIMESTAMPS ? TCP_TIMESTAMP_BYTES : 0;
    at += before;
    memmove(at + gap, at, plain - before);
    at[0] = options->accecn_order_1 ? KIND_ACCECN_1 : KIND_ACCECN_0;
    at[1] = (uint8_t)bytes;
    for (unsigned i = 0; i < options->accecn_fields; i++) {
        at[2 + 3 * i] = (uint8_t)(options->accecn[i] >> 16);
        be16_store(at + 3 + 3 * i, (uint16_t)options->accecn[i]);
    }
    for (unsigned i = bytes; i < gap; i++) {
        at[i] = KIND_NOP;
    }
    assert(plain + gap <= TCP_OPTIONS_BYTES_MAX);
    return plain + gap;
}

unsigned tcp_options_write(uint8_t *at, const struct tcp_options_out *options)
{
    return options->seen & TCP_OPT_ACCECN ? write_with_accecn(at, options)
                                          : write_plain(at, options);
}

unsigned tcp_options_write_before(uint8_t *end, const struct tcp_options_out *options)
{
    return tcp_options_write(end - tcp_options_bytes(options), options);
}
