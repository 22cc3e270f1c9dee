/*
 * Goal:   TCP's options and header are read without a step outside, mean what a plain
 *         reading of the RFCs says, and what we write is read as the same.
 * Method: the input's first byte is flags, the rest options, or a whole segment. Options
 *         are read in a block of memory of exactly their size, and compared with a second
 *         reader, which is as simple as it can be and knows no fast path; what was read is
 *         written with tcp_options_write() and read again. A segment stands at the very
 *         end of its chunk, behind which nothing may be read.
 */
#include "datapath/net/checksum.h"
#include "datapath/net/wire.h"
#include "tcp/limits.h"
#include "tcp/options.h"
#include "tests/fuzz/fuzz.h"

#include <netinet/in.h>

#define CHUNK_BYTES 2048u

/* The first byte of the input. */
enum how {
    HOW_SYN = 1 << 0,     /* the options of a SYN */
    HOW_SEGMENT = 1 << 1, /* the rest is a segment, not options */
    HOW_MEND = 1 << 2,    /* whose checksum is made right */
    HOW_VERIFY = 1 << 3,  /* and verified */
};

static uint32_t read32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t read24(const uint8_t *at)
{
    return (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
}

/* Those of experiments that have become standards: RFC 7413 and RFC 9768. */
static void know_newer(const uint8_t *at, struct tcp_segment *seg)
{
    bool syn = (seg->flags & TCP_SYN) != 0;
    bool cookie = at[1] >= 6 && at[1] <= 18 && at[1] % 2 == 0;

    if (at[0] == 34 && syn && (at[1] == 2 || cookie)) {
        seg->options_seen |= TCP_OPT_FAST_OPEN;
        seg->fast_open = at + 2;
        seg->fast_open_length = (uint8_t)(at[1] - 2);
    } else if ((at[0] == 172 || at[0] == 174) && (!syn || seg->flags & TCP_ACK)) {
        seg->options_seen |= TCP_OPT_ACCECN;
        seg->accecn_has_ceb = at[1] >= 8; /* the second counter in both orders */
        seg->accecn_ceb = seg->accecn_has_ceb ? read24(at + 5) : 0;
    }
}

/* One option of the right length, by its kind. */
static void know(const uint8_t *at, bool syn, struct tcp_segment *seg)
{
    if (at[0] == 2 && at[1] == 4 && syn) {
        seg->options_seen |= TCP_OPT_MSS;
        seg->mss = (uint16_t)(at[2] << 8 | at[3]);
    } else if (at[0] == 3 && at[1] == 3 && syn) {
        seg->options_seen |= TCP_OPT_WSCALE;
        seg->wscale = at[2];
    } else if (at[0] == 4 && at[1] == 2 && syn) {
        seg->options_seen |= TCP_OPT_SACK_PERMITTED;
    } else if (at[0] == 8 && at[1] == 10) {
        seg->options_seen |= TCP_OPT_TIMESTAMPS;
        seg->ts_val = read32(at + 2);
        seg->ts_ecr = read32(at + 6);
    } else if (at[0] == 5 && !syn && at[1] >= 10 && at[1] <= 34 && at[1] % 8 == 2) {
        seg->options_seen |= TCP_OPT_SACK;
        seg->sack_count = (uint8_t)(at[1] / 8);
        for (unsigned i = 0; i < seg->sack_count; i++) {
            seg->sack[i].start = read32(at + 2 + (size_t)8 * i);
            seg->sack[i].end = read32(at + 6 + (size_t)8 * i);
        }
    } else {
        know_newer(at, seg);
    }
}

/* RFC 9293 section 3.2, an option at a time. */
static void read_plainly(const uint8_t *at, size_t length, struct tcp_segment *seg)
{
    size_t i = 0;

    while (i < length && at[i] != 0) {
        if (at[i] == 1) {
            i++;
            continue;
        }
        if (length - i < 2 || at[i + 1] < 2 || at[i + 1] > length - i) {
            return;
        }
        know(at + i, (seg->flags & TCP_SYN) != 0, seg);
        i += at[i + 1];
    }
}

/* What each reader saw; fields of options that were not there mean nothing. */
static void check_same(const struct tcp_segment *a, const struct tcp_segment *b)
{
    FUZZ_CHECK(a->options_seen == b->options_seen);
    FUZZ_CHECK(!(a->options_seen & TCP_OPT_MSS) || a->mss == b->mss);
    FUZZ_CHECK(!(a->options_seen & TCP_OPT_WSCALE) || a->wscale == b->wscale);
    FUZZ_CHECK(!(a->options_seen & TCP_OPT_TIMESTAMPS) ||
               (a->ts_val == b->ts_val && a->ts_ecr == b->ts_ecr));
    FUZZ_CHECK(a->sack_count == b->sack_count && a->sack_count <= TCP_SACK_BLOCKS_MAX);
    FUZZ_CHECK((a->sack_count > 0) == ((a->options_seen & TCP_OPT_SACK) != 0));
    FUZZ_CHECK(memcmp(a->sack, b->sack, a->sack_count * sizeof *a->sack) == 0);
    if (a->options_seen & TCP_OPT_FAST_OPEN) {
        FUZZ_CHECK(a->fast_open_length == b->fast_open_length);
        FUZZ_CHECK(memcmp(a->fast_open, b->fast_open, a->fast_open_length) == 0);
    }
    if (a->options_seen & TCP_OPT_ACCECN) {
        FUZZ_CHECK(a->accecn_has_ceb == b->accecn_has_ceb);
        FUZZ_CHECK(!a->accecn_has_ceb || a->accecn_ceb == b->accecn_ceb);
    }
}

/* In a block of its own, so that a step outside is seen. The cookie is then that of `options`. */
static struct tcp_segment read_exactly(const uint8_t *options, size_t length, uint16_t flags)
{
    struct tcp_segment seg = {.flags = flags};
    uint8_t *block = malloc(length > 0 ? length : 1);

    FUZZ_CHECK(block != NULL);
    memcpy(block, options, length);
    tcp_options_parse(block, (unsigned)length, &seg);
    if (seg.options_seen & TCP_OPT_FAST_OPEN) {
        seg.fast_open = options + (seg.fast_open - block);
    }
    free(block);
    return seg;
}

static void write_again(const struct tcp_segment *seg)
{
    struct tcp_segment want = *seg;
    struct tcp_options_out out = {
        .wscale = seg->wscale,
        .sack_count = seg->sack_count,
        .fast_open_length = seg->fast_open_length,
        .mss = seg->mss,
        .ts_val = seg->ts_val,
        .ts_ecr = seg->ts_ecr,
        .fast_open = seg->fast_open,
        .accecn_fields = 2,
        .accecn = {0, seg->accecn_ceb},
    };
    struct tcp_segment again;
    unsigned bytes;
    uint8_t *block;

    if (!seg->accecn_has_ceb) { /* with fewer counters it may have been shorter than any of ours */
        want.options_seen &= (uint8_t)~TCP_OPT_ACCECN;
    }
    out.seen = want.options_seen;
    memcpy(out.sack, seg->sack, sizeof out.sack);
    bytes = tcp_options_bytes(&out);
    FUZZ_CHECK(bytes <= TCP_OPTIONS_BYTES_MAX && bytes % 4 == 0);
    block = malloc(bytes > 0 ? bytes : 1);
    FUZZ_CHECK(block != NULL);
    FUZZ_CHECK(tcp_options_write(block, &out) == bytes);
    again = read_exactly(block, bytes, seg->flags);
    check_same(&want, &again);
    free(block);
}

static void try_options(const uint8_t *at, size_t length, uint16_t flags)
{
    struct tcp_segment plain = {.flags = flags};
    struct tcp_segment seg;

    length = length < TCP_OPTIONS_BYTES_MAX ? length : TCP_OPTIONS_BYTES_MAX;
    seg = read_exactly(at, length, flags);
    read_plainly(at, length, &plain);
    check_same(&seg, &plain);
    write_again(&seg);
}

static void mend(const struct packet *packet, uint8_t *l4)
{
    uint16_t sum = checksum_pseudo(&packet->src, &packet->dst, IPPROTO_TCP);

    memset(l4 + 16, 0, 2);
    sum = checksum_add(sum, checksum_length(packet->l4_length));
    sum = (uint16_t)~checksum_add(sum, checksum_sum(l4, packet->l4_length));
    memcpy(l4 + 16, &sum, sizeof sum);
}

static void check_segment(const struct packet *packet, const uint8_t *l4,
                          const struct tcp_segment *seg)
{
    unsigned header_bytes = (l4[12] >> 4) * 4u;
    struct tcp_segment plain = {.flags = seg->flags};

    FUZZ_CHECK(header_bytes >= TCP_HEADER_BYTES);
    FUZZ_CHECK(seg->payload.offset == packet->l4_offset + header_bytes);
    FUZZ_CHECK(seg->payload.offset + seg->payload.length == (int)CHUNK_BYTES);
    FUZZ_CHECK(seg->seq == read32(l4 + 4) && seg->ack == read32(l4 + 8));
    FUZZ_CHECK(seg->flags == ((l4[12] & 1) << 8 | l4[13]));
    read_plainly(l4 + TCP_HEADER_BYTES, header_bytes - TCP_HEADER_BYTES, &plain);
    check_same(seg, &plain);
}

/* The chunk ends with the segment, and the sanitizer watches what stands behind it. */
static void try_segment(const uint8_t *at, size_t length, uint8_t how)
{
    static _Alignas(64) uint8_t chunk[CHUNK_BYTES];
    struct frame_pool pool = {.base = chunk, .count = 1, .chunk_shift = 11};
    struct packet packet = {.src = ip_addr_v4(0x0a000002u), .dst = ip_addr_v4(0x0a000001u)};
    struct tcp_segment seg = {0};
    struct tcp_tuple tuple;
    uint8_t *l4;
    int result;

    length = length < 1500 ? length : 1500;
    packet.l4_length = (uint16_t)length;
    packet.l4_offset = (uint16_t)(CHUNK_BYTES - length);
    l4 = chunk + packet.l4_offset;
    memcpy(l4, at, length);
    if (how & HOW_MEND && length >= TCP_HEADER_BYTES) {
        mend(&packet, l4);
    }
    result = tcp_segment_parse(&pool, &packet, (how & HOW_VERIFY) != 0, &seg, &tuple);
    FUZZ_CHECK(result <= 0);
    FUZZ_CHECK(result != TCP_DROP_CHECKSUM || how == (HOW_SEGMENT | HOW_VERIFY) ||
               how == (HOW_SEGMENT | HOW_VERIFY | HOW_SYN));
    if (result == 0) {
        check_segment(&packet, l4, &seg);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    uint8_t how = input_u8(&in) & 15;
    static bool ready;

    if (!ready) {
        checksum_init();
        ready = true;
    }
    if (how & HOW_SEGMENT) {
        try_segment(in.at, in.left, how);
    } else {
        try_options(in.at, in.left, how & HOW_SYN ? TCP_SYN : TCP_ACK);
    }
    return 0;
}
