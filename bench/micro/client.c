#include "bench/micro/client.h"

#include "datapath/net/checksum.h"
#include "datapath/net/headers.h"
#include "tcp/segment.h"

#include <assert.h>
#include <netinet/in.h>
#include <string.h>

#define SERVER_PORT 7u
#define PORTS_PER_ADDRESS 50000u
#define PORT_FIRST 10000u

enum {
    L4 = ETHERNET_HEADER_BYTES + IPV4_HEADER_BYTES,
    TCP_BYTES = 32, /* with timestamps */
    SYN_BYTES = 40,
};

uint32_t client_address(uint32_t index)
{
    return 0x0a000100u + index / PORTS_PER_ADDRESS;
}

uint16_t client_port(uint32_t index)
{
    return (uint16_t)(PORT_FIRST + index % PORTS_PER_ADDRESS);
}

static void write_ip(uint8_t *packet, uint32_t src, uint32_t dst, uint16_t l4_length)
{
    struct ethernet_header ethernet = {.dst = {{2, 0, 0, 0, 0, 1}},
                                       .src = {{2, 0, 0, 0, 0, 2}},
                                       .type = be16_make(ETHERTYPE_IPV4)};
    struct ipv4_header ip = {.version_words = 0x45,
                             .length = be16_make((uint16_t)(IPV4_HEADER_BYTES + l4_length)),
                             .fragment = be16_make(0x4000),
                             .ttl = 64,
                             .protocol = IPPROTO_TCP,
                             .src = be32_make(src),
                             .dst = be32_make(dst)};
    uint16_t sum = (uint16_t)~checksum_sum(&ip, sizeof ip);

    memcpy(ip.checksum, &sum, sizeof sum);
    memcpy(packet, &ethernet, sizeof ethernet);
    memcpy(packet + sizeof ethernet, &ip, sizeof ip);
}

/* Timestamps in all; a SYN has MSS, SACK-permitted and a scale as well. */
static uint16_t write_options(const struct clients *clients, const struct client *client,
                              uint8_t *at, bool syn)
{
    if (syn) {
        be32_store(at, 0x020405b4);
        be32_store(at + 4, 0x0402080a);
        be32_store(at + 8, clients->now_ms);
        be32_store(at + 12, 0);
        be32_store(at + 16, 0x01030307);
        return SYN_BYTES;
    }
    be32_store(at, 0x0101080a);
    be32_store(at + 4, clients->now_ms);
    be32_store(at + 8, client->ts_recent);
    return TCP_BYTES;
}

void client_send(struct clients *clients, uint32_t index, uint16_t flags, uint16_t payload)
{
    struct client *client = &clients->list[index];
    bool syn = (flags & TCP_SYN) != 0;
    uint16_t l4_length = (uint16_t)((syn ? SYN_BYTES : TCP_BYTES) + payload);
    uint8_t *packet = bench_port_arrive(clients->port, (uint16_t)(L4 + l4_length));
    struct ip_addr src = ip_addr_v4(client->address);
    struct ip_addr dst = ip_addr_v4(clients->server);
    uint8_t *l4 = packet + L4;
    uint16_t header_bytes;
    uint16_t sum;

    assert(packet);
    write_ip(packet, client->address, clients->server, l4_length);
    be16_store(l4, client->port);
    be16_store(l4 + 2, SERVER_PORT);
    be32_store(l4 + 4, client->seq);
    be32_store(l4 + 8, flags & TCP_ACK ? client->ack : 0);
    be16_store(l4 + 14, 65535);
    be32_store(l4 + 16, 0);
    header_bytes = write_options(clients, client, l4 + 20, syn);
    be16_store(l4 + 12, (uint16_t)(header_bytes << 10 | flags));
    memset(l4 + header_bytes, (int)index, payload);
    sum = checksum_add(checksum_pseudo(&src, &dst, IPPROTO_TCP), checksum_length(l4_length));
    sum = (uint16_t)~checksum_add(sum, checksum_sum(l4, l4_length));
    memcpy(l4 + 16, &sum, sizeof sum);
    client->seq += payload + (uint32_t)syn + ((flags & TCP_FIN) != 0);
}

static uint32_t read_one(struct clients *clients, const uint8_t *packet)
{
    const uint8_t *ip = packet + ETHERNET_HEADER_BYTES;
    const uint8_t *l4 = ip + IPV4_HEADER_BYTES;
    uint32_t header_bytes = (l4[12] >> 4) * 4u;
    uint32_t text = be16_load(ip + 2) - IPV4_HEADER_BYTES - header_bytes;
    uint16_t flags = be16_load(l4 + 12) & 0x1ff;
    uint32_t index = (be32_load(ip + 16) - client_address(0)) * PORTS_PER_ADDRESS +
                     be16_load(l4 + 2) - PORT_FIRST;
    struct client *client = &clients->list[index];

    assert(index < clients->count && !(flags & TCP_RST));
    client->ack = be32_load(l4 + 4) + text + ((flags & (TCP_SYN | TCP_FIN)) != 0);
    client->ts_recent = be32_load(l4 + (flags & TCP_SYN ? 28 : 24));
    return text;
}

uint64_t clients_read(struct clients *clients)
{
    struct bench_port *bench = clients->port;
    struct frame_pool *pool = bench->port.pool;
    uint64_t text = 0;

    for (unsigned i = 0; i < bench->sent_count; i++) {
        const struct port_packet *sent = &bench->sent[i];

        text += read_one(clients, frame_data(pool, sent->frame) + sent->offset);
        frame_drop(pool, sent->frame, FRAME_KERNEL_TX);
    }
    bench->sent_count = 0;
    bench->port.tx_room = 4 * PORT_BURST;
    return text;
}
