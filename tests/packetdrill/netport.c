#include "tests/packetdrill/netport.h"

#include "datapath/net/checksum.h"
#include "datapath/net/headers.h"
#include "datapath/net/wire.h"
#include "datapath/util.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define TX_ROOM 1024u
/* Where a driver puts a packet: behind XDP's headroom. */
#define RX_OFFSET 256u
#define TCP_FLAGS_OFFSET 13u
#define TCP_FLAGS_LAST 0x09u /* FIN and PSH stand in the last segment only */
#define TCP_FLAG_CWR 0x80u   /* and CWR in the first */

struct netport_packet {
    struct netport_packet *next;
    uint64_t at_ns;
    size_t bytes;
    uint8_t data[];
};

static void queue_init(struct netport_queue *queue)
{
    queue->first = NULL;
    queue->last = &queue->first;
}

static struct netport_packet *queue_push(struct netport_queue *queue, size_t bytes)
{
    struct netport_packet *packet = malloc(sizeof *packet + bytes);

    if (!packet) {
        abort(); /* a test's own memory */
    }
    packet->next = NULL;
    packet->bytes = bytes;
    *queue->last = packet;
    queue->last = &packet->next;
    return packet;
}

static struct netport_packet *queue_pop(struct netport_queue *queue)
{
    struct netport_packet *packet = queue->first;

    if (packet) {
        queue->first = packet->next;
        if (!queue->first) {
            queue->last = &queue->first;
        }
    }
    return packet;
}

static void queue_destroy(struct netport_queue *queue)
{
    struct netport_packet *packet;

    while ((packet = queue_pop(queue)) != NULL) {
        free(packet);
    }
}

static struct netport *netport_of(struct port *port)
{
    return container_of(port, struct netport, port);
}

static unsigned receive(struct port *port, struct port_packet *burst, unsigned max)
{
    struct netport *netport = netport_of(port);
    unsigned count = 0;

    while (count < max && netport->in.first) {
        uint32_t frame = frame_take(port->pool, FRAME_BUDGET_RECEIVE, FRAME_KERNEL_RX);
        struct netport_packet *packet;

        if (frame == FRAME_NONE) {
            break;
        }
        packet = queue_pop(&netport->in);
        memcpy(frame_data(port->pool, frame) + RX_OFFSET, packet->data, packet->bytes);
        frame_arrive(port->pool, frame, (uint16_t)(RX_OFFSET + packet->bytes));
        burst[count++] = (struct port_packet){frame, RX_OFFSET, (uint16_t)packet->bytes};
        free(packet);
    }
    return count;
}

static void submit(struct port *port)
{
    struct netport *netport = netport_of(port);

    for (uint32_t i = 0; i < port->tx_count; i++) {
        const struct port_packet *sent = &port->tx[i];
        const uint8_t *bytes = frame_data(port->pool, sent->frame) + sent->offset;
        struct netport_packet *packet =
            queue_push(&netport->out, sent->length - (size_t)ETHERNET_HEADER_BYTES);

        packet->at_ns = *netport->now_ns;
        memcpy(packet->data, bytes + ETHERNET_HEADER_BYTES, packet->bytes);
        frame_drop(port->pool, sent->frame, FRAME_KERNEL_TX);
    }
    port->tx_count = 0;
}

static void flush(struct port *port)
{
    submit(port);
    port->tx_room = TX_ROOM;
}

void netport_init(struct netport *netport, struct frame_pool *pool, const uint64_t *now_ns)
{
    static const struct port_ops ops = {
        .receive = receive, .submit = submit, .flush = flush, .reap = submit};

    memset(netport, 0, sizeof *netport);
    netport->port.ops = &ops;
    netport->port.pool = pool;
    netport->port.tx_room = TX_ROOM;
    netport->now_ns = now_ns;
    queue_init(&netport->in);
    queue_init(&netport->out);
}

void netport_destroy(struct netport *netport)
{
    queue_destroy(&netport->in);
    queue_destroy(&netport->out);
}

static void push_in(struct netport *netport, const uint8_t *header, size_t header_bytes,
                    const uint8_t *text, size_t bytes)
{
    struct netport_packet *packet =
        queue_push(&netport->in, ETHERNET_HEADER_BYTES + header_bytes + bytes);
    uint8_t *at = packet->data;

    memcpy(at, netport->mac.bytes, sizeof netport->mac.bytes);
    memcpy(at + 6, (const uint8_t[6]){2, 0, 0, 0, 0, 2}, 6);
    be16_store(at + 12, header[0] >> 4 == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
    memcpy(at + ETHERNET_HEADER_BYTES, header, header_bytes);
    if (bytes > 0) {
        memcpy(at + ETHERNET_HEADER_BYTES + header_bytes, text, bytes);
    }
}

/* The checksums of a segment that is a part of another. */
static void close_part(uint8_t *ip, unsigned ip_bytes, const uint8_t *text, uint16_t length)
{
    uint8_t *tcp = ip + ip_bytes;
    uint16_t header_bytes = (uint16_t)((tcp[12] >> 4) * 4);
    uint16_t l4_length = (uint16_t)(header_bytes + length);
    struct ip_addr from, to;
    uint64_t parts;
    uint16_t sum;

    if (ip_bytes == 40) {
        be16_store(ip + 4, l4_length);
        memcpy(from.bytes, ip + 8, 16);
        memcpy(to.bytes, ip + 24, 16);
    } else {
        be16_store(ip + 2, (uint16_t)(ip_bytes + l4_length));
        memset(ip + 10, 0, 2);
        sum = (uint16_t)~checksum_sum(ip, ip_bytes);
        memcpy(ip + 10, &sum, sizeof sum);
        from = ip_addr_v4_load(ip + 12);
        to = ip_addr_v4_load(ip + 16);
    }
    memset(tcp + 16, 0, 2);
    parts = (uint64_t)checksum_pseudo(&from, &to, IPPROTO_TCP) + checksum_sum(text, length) +
            checksum_length(l4_length);
    sum = (uint16_t)~checksum_fold(checksum_part(parts, tcp, header_bytes));
    memcpy(tcp + 16, &sum, sizeof sum);
}

/* As the sender's NIC cuts a large segment: the flags that end it stand in its last part. */
static void inject_parts(struct netport *netport, const uint8_t *packet, size_t bytes,
                         unsigned ip_bytes)
{
    uint8_t header[128];
    size_t header_bytes = ip_bytes + (packet[ip_bytes + 12] >> 4) * 4u;
    uint8_t *tcp = header + ip_bytes;
    size_t part = netport->mtu - header_bytes;
    uint32_t seq = be32_load(packet + ip_bytes + 4);

    for (size_t at = header_bytes; at < bytes; at += part) {
        size_t length = bytes - at < part ? bytes - at : part;

        memcpy(header, packet, header_bytes);
        be32_store(tcp + 4, seq + (uint32_t)(at - header_bytes));
        if (at + length < bytes) {
            tcp[TCP_FLAGS_OFFSET] &= (uint8_t)~TCP_FLAGS_LAST;
        }
        if (at > header_bytes) {
            tcp[TCP_FLAGS_OFFSET] &= (uint8_t)~TCP_FLAG_CWR;
        }
        close_part(header, ip_bytes, packet + at, (uint16_t)length);
        push_in(netport, header, header_bytes, packet + at, length);
    }
}

int netport_inject(struct netport *netport, const uint8_t *packet, size_t bytes)
{
    unsigned version = bytes >= 20 ? packet[0] >> 4 : 0;
    unsigned ip_bytes = version == 4 ? (packet[0] & 15) * 4u : 40u;
    unsigned protocol_at = version == 4 ? 9 : 6;

    if ((version != 4 && version != 6) || bytes < ip_bytes) {
        return -1;
    }
    if (bytes > netport->mtu && packet[protocol_at] == IPPROTO_TCP && bytes >= ip_bytes + 20u) {
        inject_parts(netport, packet, bytes, ip_bytes);
    } else if (bytes <= netport->mtu) {
        push_in(netport, packet, bytes, NULL, 0);
    } else {
        return -1;
    }
    return 0;
}

bool netport_has_sent(const struct netport *netport)
{
    return netport->out.first != NULL;
}

size_t netport_take(struct netport *netport, uint8_t *to, size_t room, uint64_t *sent_ns)
{
    struct netport_packet *packet = queue_pop(&netport->out);
    size_t bytes;

    if (!packet) {
        return 0;
    }
    bytes = packet->bytes < room ? packet->bytes : room;
    memcpy(to, packet->data, bytes);
    *sent_ns = packet->at_ns;
    free(packet);
    return bytes;
}
