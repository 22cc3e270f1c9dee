/*
 * Integers as they stand on the wire. A field of a packet has one of these
 * types, so that a forgotten byte swap does not compile. They have no
 * alignment: a header may start anywhere.
 */
#ifndef HEADRACE_DATAPATH_NET_WIRE_H
#define HEADRACE_DATAPATH_NET_WIRE_H

#include <assert.h>
#include <stdint.h>
#include <string.h>

struct be16 {
    uint8_t bytes[2];
};

struct be32 {
    uint8_t bytes[4];
};

static_assert(sizeof(struct be16) == 2 && _Alignof(struct be16) == 1, "wire layout");
static_assert(sizeof(struct be32) == 4 && _Alignof(struct be32) == 1, "wire layout");

static inline uint16_t be16_get(struct be16 wire)
{
    uint16_t raw;

    memcpy(&raw, wire.bytes, sizeof raw);
    return __builtin_bswap16(raw);
}

static inline struct be16 be16_make(uint16_t value)
{
    struct be16 wire;
    uint16_t raw = __builtin_bswap16(value);

    memcpy(wire.bytes, &raw, sizeof raw);
    return wire;
}

static inline uint32_t be32_get(struct be32 wire)
{
    uint32_t raw;

    memcpy(&raw, wire.bytes, sizeof raw);
    return __builtin_bswap32(raw);
}

static inline struct be32 be32_make(uint32_t value)
{
    struct be32 wire;
    uint32_t raw = __builtin_bswap32(value);

    memcpy(wire.bytes, &raw, sizeof raw);
    return wire;
}

/* Reads at a place that the caller has checked to lie inside the packet. */
static inline uint16_t be16_load(const uint8_t *at)
{
    return be16_get((struct be16){{at[0], at[1]}});
}

static inline uint32_t be32_load(const uint8_t *at)
{
    return be32_get((struct be32){{at[0], at[1], at[2], at[3]}});
}

static inline void be16_store(uint8_t *at, uint16_t value)
{
    struct be16 wire = be16_make(value);

    memcpy(at, &wire, sizeof wire);
}

static inline void be32_store(uint8_t *at, uint32_t value)
{
    struct be32 wire = be32_make(value);

    memcpy(at, &wire, sizeof wire);
}

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "be16_get and the checksum assume it");

#endif
