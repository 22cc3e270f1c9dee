#include "tests/sim/trace.h"

#include "datapath/net/headers.h"
#include "tcp/options.h"
#include "tests/sim/sim.h"

static void print_flags(FILE *out, uint16_t flags)
{
    static const char letters[] = "FSRPAUEW";

    for (unsigned i = 0; letters[i] != '\0'; i++) {
        if (flags & 1u << i) {
            (void)fputc(letters[i], out);
        }
    }
}

static void print_options(FILE *out, const struct tcp_segment *seg)
{
    if (seg->options_seen & TCP_OPT_TIMESTAMPS) {
        (void)fprintf(out, " ts %u/%u", seg->ts_val, seg->ts_ecr);
    }
    for (unsigned i = 0; i < seg->sack_count; i++) {
        (void)fprintf(out, " sack %u-%u", seg->sack[i].start, seg->sack[i].end);
    }
}

static void print_tcp(FILE *out, const uint8_t *at, uint32_t length)
{
    struct tcp_segment seg = {.flags = be16_load(at + 12) & 0x1ff};
    unsigned header_bytes = (at[12] >> 4) * 4u;

    if (header_bytes < 20 || header_bytes > length) {
        return;
    }
    tcp_options_parse(at + 20, header_bytes - 20, &seg);
    print_flags(out, seg.flags);
    (void)fprintf(out, " %u seq %u+%u ack %u win %u", be16_load(at), be32_load(at + 4),
                  length - header_bytes, be32_load(at + 8), be16_load(at + 14));
    print_options(out, &seg);
}

void trace_packet(struct sim *sim, const struct wire_sight *sight)
{
    const uint8_t *l3 = sight->bytes + ETHERNET_HEADER_BYTES;
    uint16_t type = be16_load(sight->bytes + 12);

    (void)fprintf(sim->trace, "%13.6f %c %-10s ", (double)sight->now_ns / 1e6,
                  sight->from ? '<' : '>', wire_event_names[sight->event]);
    if (type == ETHERTYPE_IPV4 && sight->length >= 54) {
        print_tcp(sim->trace, l3 + IPV4_HEADER_BYTES, be16_load(l3 + 2) - IPV4_HEADER_BYTES);
    } else if (type == ETHERTYPE_IPV6 && sight->length >= 74) {
        print_tcp(sim->trace, l3 + IPV6_HEADER_BYTES, be16_load(l3 + 4));
    } else {
        (void)fprintf(sim->trace, "type %04x", type);
    }
    (void)fputc('\n', sim->trace);
}
