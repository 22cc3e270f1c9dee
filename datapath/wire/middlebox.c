#include "datapath/wire/middlebox.h"

#include "datapath/net/headers.h"
#include "datapath/util.h"

#include <netinet/in.h>

#define ECN_BITS 3u
#define ECN_CONGESTION_EXPERIENCED 3u

#define TCP_SYN_BIT 0x02u
#define TCP_HEADER_BYTES_MIN 20u
#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_MSS 2
#define OPTION_SACK 5

/* Where things are in a packet; 0: not there. */
struct layout {
    uint8_t *bytes;
    uint32_t ecn;        /* the byte of which two bits are the ECN field, or a nibble of it */
    unsigned ecn_shift;  /* of the field in it */
    uint32_t ip_sum;     /* of IPv4 */
    uint32_t tcp;        /* its header */
    uint32_t tcp_length; /* of it, options included */
};

static bool find_tcp(struct layout *at, uint32_t length)
{
    if (at->tcp + TCP_HEADER_BYTES_MIN > length) {
        return false;
    }
    at->tcp_length = (at->bytes[at->tcp + 12] >> 4) * 4u;
    return at->tcp_length >= TCP_HEADER_BYTES_MIN && at->tcp + at->tcp_length <= length;
}

/* False when it is no whole TCP segment. */
static bool find(struct layout *at, uint8_t *bytes, uint32_t length)
{
    const uint32_t l3 = ETHERNET_HEADER_BYTES;
    uint16_t type;

    *at = (struct layout){.bytes = bytes};
    if (length < l3 + IPV4_HEADER_BYTES) {
        return false;
    }
    type = be16_load(bytes + 12);
    if (type == ETHERTYPE_IPV4 && bytes[l3] == 0x45 && bytes[l3 + 9] == IPPROTO_TCP) {
        at->ecn = l3 + 1;
        at->ip_sum = l3 + 10;
        at->tcp = l3 + IPV4_HEADER_BYTES;
        return find_tcp(at, length);
    }
    if (type == ETHERTYPE_IPV6 && bytes[l3] >> 4 == 6 && bytes[l3 + 6] == IPPROTO_TCP) {
        at->ecn = l3 + 1; /* the low half of the traffic class is the upper half of this byte */
        at->ecn_shift = 4;
        at->tcp = l3 + IPV6_HEADER_BYTES;
        return find_tcp(at, length);
    }
    return false;
}

/* One byte changes, and with it the sum at `sum` over words that begin at even places; equation
 * 3 of RFC 1624. 0: no sum is over it. */
static void rewrite(uint8_t *bytes, uint32_t at, uint8_t value, uint32_t sum)
{
    uint32_t word = at & ~1u;
    uint32_t total;

    if (sum == 0) {
        bytes[at] = value;
        return;
    }
    total = (uint16_t)~be16_load(bytes + sum) + (uint32_t)(uint16_t)~be16_load(bytes + word);
    bytes[at] = value;
    total += be16_load(bytes + word);
    total = (total & 0xffff) + (total >> 16);
    total = (total & 0xffff) + (total >> 16);
    be16_store(bytes + sum, (uint16_t)~total);
}

static unsigned ecn_of(const struct layout *at)
{
    return (unsigned)(at->bytes[at->ecn] >> at->ecn_shift) & ECN_BITS;
}

static void set_ecn(const struct layout *at, unsigned field)
{
    unsigned kept = at->bytes[at->ecn] & ~(ECN_BITS << at->ecn_shift);

    rewrite(at->bytes, at->ecn, (uint8_t)(kept | field << at->ecn_shift), at->ip_sum);
}

static uint32_t tcp_sum(const struct layout *at)
{
    return at->tcp + 16;
}

static void clamp_mss(const struct layout *at, uint32_t option, uint16_t mss_max)
{
    if (at->bytes[option + 1] == 4 && be16_load(at->bytes + option + 2) > mss_max) {
        rewrite(at->bytes, option + 2, (uint8_t)(mss_max >> 8), tcp_sum(at));
        rewrite(at->bytes, option + 3, (uint8_t)mss_max, tcp_sum(at));
    }
}

/* Whether `inner` lies within `outer`, which are blocks of SACK. */
static bool lies_within(const uint8_t *inner, const uint8_t *outer)
{
    return (int32_t)(be32_load(inner) - be32_load(outer)) >= 0 &&
           (int32_t)(be32_load(outer + 4) - be32_load(inner + 4)) >= 0;
}

/* RFC 2883 section 4: the first block is one when it lies below the acknowledgement, or within
 * the second. The two bytes of the option go behind it. */
static void hide_dsack(const struct layout *at, uint32_t option)
{
    uint8_t length = at->bytes[option + 1];
    const uint8_t *first = at->bytes + option + 2;
    uint32_t acked = be32_load(at->bytes + at->tcp + 8);

    if (length < 10 || ((int32_t)(be32_load(first) - acked) >= 0 &&
                        (length < 18 || !lies_within(first, first + 8)))) {
        return;
    }
    for (uint32_t i = 0; i < 8; i++) {
        rewrite(at->bytes, option + i, OPTION_NOP, tcp_sum(at));
    }
    if (length == 10) {
        rewrite(at->bytes, option + 8, OPTION_NOP, tcp_sum(at));
        rewrite(at->bytes, option + 9, OPTION_NOP, tcp_sum(at));
    } else {
        rewrite(at->bytes, option + 8, OPTION_SACK, tcp_sum(at));
        rewrite(at->bytes, option + 9, (uint8_t)(length - 8), tcp_sum(at));
    }
}

static void change_options(const struct wire_middlebox *box, const struct layout *at)
{
    uint32_t end = at->tcp + at->tcp_length;
    bool syn = (at->bytes[at->tcp + 13] & TCP_SYN_BIT) != 0;
    uint32_t option = at->tcp + TCP_HEADER_BYTES_MIN;

    while (option + 1 < end && at->bytes[option] != OPTION_END) {
        uint8_t kind = at->bytes[option];
        uint8_t length = kind == OPTION_NOP ? 1 : at->bytes[option + 1];

        if (length == 0 || option + length > end || (kind != OPTION_NOP && length < 2)) {
            return;
        }
        if (kind == OPTION_MSS && syn && box->mss_max > 0) {
            clamp_mss(at, option, box->mss_max);
        } else if (kind == OPTION_SACK && box->hides_dsacks) {
            hide_dsack(at, option);
        }
        option += length;
    }
}

void wire_middlebox_pass(const struct wire_middlebox *box, uint8_t *bytes, uint32_t length_bytes)
{
    struct layout at;

    if (!find(&at, bytes, length_bytes)) {
        return;
    }
    if (box->bleaches_ecn) {
        set_ecn(&at, 0);
    }
    if (box->mss_max > 0 || box->hides_dsacks) {
        change_options(box, &at);
    }
}

bool wire_mark(uint8_t *bytes, uint32_t length_bytes)
{
    struct layout at;

    if (!find(&at, bytes, length_bytes) || ecn_of(&at) == 0 ||
        ecn_of(&at) == ECN_CONGESTION_EXPERIENCED) {
        return false;
    }
    set_ecn(&at, ECN_CONGESTION_EXPERIENCED);
    return true;
}
