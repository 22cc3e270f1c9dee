#include "tests/sim/raw.h"

#include "datapath/net/checksum.h"
#include "datapath/net/wire.h"
#include "tcp/limits.h"

#include <assert.h>
#include <netinet/in.h>
#include <string.h>

static void write_tcp(uint8_t *at, const struct raw_segment *segment, const struct tcp_tuple *tuple)
{
    uint16_t length = (uint16_t)(TCP_HEADER_BYTES + segment->length);
    uint16_t sum = checksum_pseudo(&tuple->local, &tuple->remote, IPPROTO_TCP);

    be16_store(at, segment->local_port);
    be16_store(at + 2, segment->remote_port);
    be32_store(at + 4, segment->seq);
    be32_store(at + 8, segment->ack);
    be16_store(at + 12, (uint16_t)(TCP_HEADER_BYTES << 10 | segment->flags));
    be16_store(at + 14, segment->window);
    be32_store(at + 16, 0);
    if (segment->length > 0) {
        memcpy(at + TCP_HEADER_BYTES, segment->payload, segment->length);
    }
    sum = checksum_add(sum, checksum_length(length));
    sum = (uint16_t)~checksum_add(sum, checksum_sum(at, length));
    memcpy(at + 16, &sum, sizeof sum);
}

void raw_send(struct pair *pair, const struct raw_segment *segment)
{
    struct net *net = &pair->host[0].net;
    const struct tcp_tuple tuple = pair_tuple(pair, 0, segment->local_port, segment->remote_port);
    const struct net_header header = {
        .local = &tuple.local,
        .remote = &tuple.remote,
        .protocol = IPPROTO_TCP,
        .ttl = NET_TTL,
        .l4_length = (uint16_t)(TCP_HEADER_BYTES + segment->length),
    };
    uint32_t frame = frame_take(net->pool, FRAME_BUDGET_DATA, FRAME_WORKER);
    uint8_t *at;
    uint8_t *start;
    struct net_path path;

    assert(frame != FRAME_NONE && net_path_find(net, &tuple.remote, &path) == 0);
    at = frame_data(net->pool, frame) + TCP_PAYLOAD_OFFSET - TCP_HEADER_BYTES;
    write_tcp(at, segment, &tuple);
    start = net_header_write(net, &path, &header, at);
    net_send(net, frame, start, (uint16_t)(at + header.l4_length - start));
    frame_drop(net->pool, frame, FRAME_WORKER);
}

void raw_receive(struct pair *pair,
                 void (*on_segment)(void *ctx, uint16_t local_port, const struct tcp_segment *seg),
                 void *ctx)
{
    struct net *net = &pair->host[0].net;
    struct port_packet burst[PORT_BURST];
    unsigned count;

    while ((count = port_receive(net->port, burst, PORT_BURST)) > 0) {
        for (unsigned i = 0; i < count; i++) {
            struct packet packet;
            struct tcp_segment seg;
            struct tcp_tuple tuple;

            if (net_parse(net, &burst[i], &packet) == NET_TCP &&
                tcp_segment_parse(net->pool, &packet, true, &seg, &tuple) == 0) {
                on_segment(ctx, tuple.local_port, &seg);
            }
            frame_drop(net->pool, burst[i].frame, FRAME_WORKER);
        }
    }
}
