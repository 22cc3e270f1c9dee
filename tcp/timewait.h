/*
 * TIME-WAIT: what is left of a connection for 2MSL (RFC 9293 section 3.3.2).
 * An entry instead of a connection: at most 64 bytes and the tuple. Since 2MSL
 * is one setting, the entries stand in a FIFO by expiry; a repeated FIN moves
 * its entry to the tail. One whose ACK found the port full, or no frame, stands in a second
 * FIFO, `owing`, until it went.
 *
 * Owner: the worker's `struct tcp`, which also keeps the entries in its table
 * by tuple. Memory is given at init; one thread.
 */
#ifndef HEADRACE_TCP_TIMEWAIT_H
#define HEADRACE_TCP_TIMEWAIT_H

#include "datapath/list.h"
#include "tcp/slab.h"
#include "tcp/tuple.h"

#include <stdbool.h>
#include <stdint.h>

#define TIMEWAIT_NONE UINT32_MAX

struct timewait_entry {
    struct tcp_tuple tuple;
    struct list_link link;
    struct list_link owing_link;
    uint64_t expiry_ns;
    uint32_t snd_nxt;
    uint32_t rcv_nxt;
    uint32_t ts_recent;
    uint32_t ts_offset;
    uint16_t rcv_wnd;      /* the field, scaled already */
    uint16_t challenge_ms; /* start of the period in which challenges are counted, modulo 2^16 */
    uint8_t challenges;
    uint8_t tos;
    uint8_t ttl;
    uint8_t ecn : 3; /* AE, CWR and ECE; with accurate ECN, ACE */
    bool timestamps : 1;
};

static_assert(sizeof(struct timewait_entry) - sizeof(struct tcp_tuple) <= 64,
              "64 bytes plus addresses");

struct timewait {
    struct slab entries;
    struct list fifo;  /* the oldest first */
    struct list owing; /* an ACK each, the oldest first */
    uint64_t duration_ns;
};

size_t timewait_memory_bytes(uint32_t entries_max);
void timewait_init(struct timewait *timewait, void *memory, uint32_t entries_max,
                   uint64_t duration_ns);

/* A fresh entry at the tail; the caller fills in all but expiry. TIMEWAIT_NONE
 * when all are in use: then the caller removes the oldest first. */
uint32_t timewait_add(struct timewait *timewait, uint64_t now_ns);
/* 2MSL from now again. */
void timewait_restart(struct timewait *timewait, uint32_t index, uint64_t now_ns);
void timewait_remove(struct timewait *timewait, uint32_t index);

/* The entry that expires first, or TIMEWAIT_NONE. */
uint32_t timewait_oldest(const struct timewait *timewait);
/* When it does; UINT64_MAX without entries. */
uint64_t timewait_next_ns(const struct timewait *timewait);

static inline struct timewait_entry *timewait_at(const struct timewait *timewait, uint32_t index)
{
    return slab_at(&timewait->entries, index);
}

static inline uint32_t timewait_count(const struct timewait *timewait)
{
    return timewait->entries.used;
}

#endif
