#include "tcp/segment.h"

#include "datapath/net/checksum.h"
#include "datapath/net/wire.h"
#include "tcp/limits.h"
#include "tcp/options.h"

#include <netinet/in.h>

static void take_ports(const struct packet *packet, const uint8_t *header, struct tcp_tuple *tuple)
{
    tuple->local = packet->dst;
    tuple->remote = packet->src;
    tuple->remote_port = be16_load(header);
    tuple->local_port = be16_load(header + 2);
    tuple->zero = 0;
}

/* The payload is summed apart, since its sum goes on with the slice. */
static bool checksum_is_right(const struct packet *packet, const uint8_t *header,
                              struct slice *payload)
{
    size_t header_bytes = (size_t)packet->l4_length - payload->length;
    uint64_t sum = checksum_pseudo_part(&packet->src, &packet->dst, IPPROTO_TCP);

    payload->sum = checksum_sum(header + header_bytes, payload->length);
    sum = checksum_carry(sum, checksum_length(packet->l4_length));
    sum = checksum_carry(sum, payload->sum);
    return checksum_fold(checksum_part(sum, header, header_bytes)) == 0xffff;
}

int tcp_segment_parse(const struct frame_pool *pool, const struct packet *packet, bool verify,
                      struct tcp_segment *seg, struct tcp_tuple *tuple)
{
    const uint8_t *header = frame_data(pool, packet->frame) + packet->l4_offset;
    uint16_t header_bytes;

    if (packet->l4_length < TCP_HEADER_BYTES) {
        return TCP_DROP_SHORT;
    }
    header_bytes = (uint16_t)(header[12] >> 4) * 4;
    if (header_bytes < TCP_HEADER_BYTES || header_bytes > packet->l4_length) {
        return TCP_DROP_OFFSET;
    }
    take_ports(packet, header, tuple);
    if (tuple->local_port == 0 || tuple->remote_port == 0) {
        return TCP_DROP_PORT;
    }
    seg->payload = (struct slice){
        .frame = packet->frame,
        .offset = (uint16_t)(packet->l4_offset + header_bytes),
        .length = (uint16_t)(packet->l4_length - header_bytes),
    };
    if (verify && !checksum_is_right(packet, header, &seg->payload)) {
        return TCP_DROP_CHECKSUM;
    }
    seg->seq = be32_load(header + 4);
    seg->ack = be32_load(header + 8);
    seg->flags = be16_load(header + 12) & 0x1ff;
    seg->window = be16_load(header + 14);
    seg->urgent = be16_load(header + 18);
    seg->tos = packet->tos;
    tcp_options_parse(header + TCP_HEADER_BYTES, header_bytes - TCP_HEADER_BYTES, seg);
    return 0;
}
