/*
 * The tuning of a connection, checked and turned into what the core takes. Any thread.
 */
#ifndef HEADRACE_API_TUNING_H
#define HEADRACE_API_TUNING_H

#include "tcp/settings.h"

#include <headrace/tuning.h>

#include <stdbool.h>

/* For the presets of options, which contain it; hr_tuning_default is no constant expression. */
#define TUNING_DEFAULT                                                                             \
    {                                                                                              \
        .keepalive_idle_s = TCP_KEEPALIVE_IDLE_S, .keepalive_interval_s = TCP_KEEPALIVE_GAP_S,     \
        .keepalive_probes = TCP_KEEPALIVE_COUNT, .r1_retransmissions = TCP_R1_RETRANSMISSIONS,     \
        .r2_retransmissions = TCP_R2_RETRANSMISSIONS,                                              \
        .syn_retransmissions = TCP_R2_SYN_RETRANSMISSIONS,                                         \
        .syn_ack_retransmissions = TCP_R2_SYN_ACK_RETRANSMISSIONS,                                 \
        .ack_delay_ms = TCP_DELAYED_ACK_NS / NS_PER_MS,                                            \
        .rto_initial_ms = TCP_RTO_INITIAL_NS / NS_PER_MS,                                          \
        .rto_min_ms = TCP_RTO_MIN_NS / NS_PER_MS, .rto_max_ms = TCP_RTO_MAX_NS / NS_PER_MS,        \
        .fin_wait_2_s = TCP_FIN_WAIT_2_S, .initial_window_segments = TCP_INITIAL_WINDOW_SEGMENTS,  \
        .send_buffer_max = TCP_SEND_BUFFER_MAX_DEFAULT,                                            \
        .receive_buffer_max = TCP_RECEIVE_BUFFER_MAX_DEFAULT,                                      \
        .mtu_probing = HR_MTU_PROBING_AFTER_BLACK_HOLE, .ttl = 64, .dsack = true,                  \
        .quick_acks = TCP_QUICK_ACKS, .idle_restart = true, .dup_threshold = TCP_DUPTHRESH,        \
        .rack = true, .reordering_adapts = true, .reordering_by_count = true, .tail_probes = true, \
        .frto = true, .ecn_option = true,                                                          \
    }

bool tuning_is_valid(const struct hr_tuning *tuning);

/* Policy, DSCP and TTL of the settings. The tuning is valid. */
void tuning_take(struct tcp_settings *settings, const struct hr_tuning *tuning);

/* Alike in all that a caller may give. */
bool settings_equal(const struct tcp_settings *a, const struct tcp_settings *b);

#endif
