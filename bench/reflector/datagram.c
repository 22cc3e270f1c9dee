#include "bench/reflector/datagram.h"

#include <netinet/in.h>

#define AT_IP ETHERNET_HEADER_BYTES
#define AT_UDP (ETHERNET_HEADER_BYTES + IPV4_HEADER_BYTES)

int datagram_payload_bytes(const uint8_t *packet, unsigned length, uint16_t port)
{
    const uint8_t *ip = packet + AT_IP;
    const uint8_t *udp = packet + AT_UDP;
    unsigned bytes;

    if (length < DATAGRAM_HEADER_BYTES || be16_load(packet + 12) != ETHERTYPE_IPV4 ||
        ip[0] != 0x45 || ip[9] != IPPROTO_UDP || (be16_load(ip + 6) & 0x3fff) != 0 ||
        (packet[0] & 1) != 0 || be16_load(udp + 2) != port) {
        return -1;
    }
    bytes = be16_load(udp + 4);
    if (bytes < UDP_HEADER_BYTES || bytes > length - AT_UDP ||
        be16_load(ip + 2) != IPV4_HEADER_BYTES + bytes) {
        return -1;
    }
    return (int)(bytes - UDP_HEADER_BYTES);
}

void datagram_turn_back(uint8_t *packet)
{
    uint8_t *ip = packet + AT_IP;
    uint8_t *udp = packet + AT_UDP;
    struct mac_addr macs[2];
    uint32_t addresses[2];
    uint16_t ports[2];

    memcpy(macs, packet, sizeof macs);
    memcpy(packet, &macs[1], sizeof macs[1]);
    memcpy(packet + sizeof macs[1], &macs[0], sizeof macs[0]);
    memcpy(addresses, ip + 12, sizeof addresses);
    memcpy(ip + 12, &addresses[1], sizeof addresses[1]);
    memcpy(ip + 16, &addresses[0], sizeof addresses[0]);
    memcpy(ports, udp, sizeof ports);
    memcpy(udp, &ports[1], sizeof ports[1]);
    memcpy(udp + 2, &ports[0], sizeof ports[0]);
}

void datagram_write_udp(uint8_t *udp, const uint16_t ports[2], unsigned payload_bytes)
{
    be16_store(udp, ports[0]);
    be16_store(udp + 2, ports[1]);
    be16_store(udp + 4, (uint16_t)(UDP_HEADER_BYTES + payload_bytes));
    be16_store(udp + 6, 0);
}

/* Odd, so that each byte of the product depends on the sequence number. */
static uint8_t pattern_start(const uint8_t *payload)
{
    struct datagram_mark mark;

    memcpy(&mark, payload, sizeof mark);
    return (uint8_t)(mark.sequence * 167 + mark.slot * 31);
}

void datagram_fill(uint8_t *payload, unsigned bytes)
{
    uint8_t start = pattern_start(payload);

    for (unsigned i = DATAGRAM_SIZE_MIN; i < bytes; i++) {
        payload[i] = (uint8_t)(start + i * 7);
    }
}

bool datagram_is_right(const uint8_t *payload, unsigned bytes)
{
    uint8_t start = pattern_start(payload);
    uint8_t wrong = 0;

    for (unsigned i = DATAGRAM_SIZE_MIN; i < bytes; i++) {
        wrong |= (uint8_t)(payload[i] ^ (uint8_t)(start + i * 7));
    }
    return wrong == 0;
}
