/*
 * What the tests of ARP share: looking at the one packet that was sent.
 */
#ifndef HEADRACE_TESTS_UNIT_NET_ARP_STEPS_H
#define HEADRACE_TESTS_UNIT_NET_ARP_STEPS_H

#include "tests/unit/net_steps.h"

#define REQUEST 1
#define REPLY 2

/* The one packet sent since the last look is ARP with these contents. */
static inline void expect_arp(struct fixture *f, uint8_t operation, const struct mac_addr *link_dst,
                              const char *sender, const char *target)
{
    const uint8_t *bytes = f->sent[0].bytes;
    struct ip_addr sender_ip = addr_of(sender);
    struct ip_addr target_ip = addr_of(target);

    port_flush(&f->port);
    assert_int_equal(f->sent_count, 1);
    assert_int_equal(f->sent[0].length, 42);
    assert_memory_equal(bytes, link_dst->bytes, 6);
    assert_memory_equal(bytes + 6, our_mac.bytes, 6);
    assert_int_equal(get16(bytes + 12), 0x0806);
    assert_int_equal(get16(bytes + 14), 1);
    assert_int_equal(get16(bytes + 16), 0x0800);
    assert_int_equal(get16(bytes + 18), 0x0604);
    assert_int_equal(get16(bytes + 20), operation);
    assert_memory_equal(bytes + 22, our_mac.bytes, 6);
    assert_memory_equal(bytes + 28, sender_ip.bytes + 12, 4);
    assert_memory_equal(bytes + 38, target_ip.bytes + 12, 4);
    f->sent_count = 0;
}

static inline void expect_silence(struct fixture *f)
{
    port_flush(&f->port);
    assert_int_equal(f->sent_count, 0);
}

#endif
