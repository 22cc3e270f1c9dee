/*
 * IsLost() of RFC 6675: with SACK and without RACK a segment is lost when DupThresh runs of
 * segments behind it are SACKed, or more bytes than DupThresh - 1 segments have.
 *
 * What is before an edge was looked at; the runs and bytes behind it are counted, and each record
 * is passed once, so an ACK costs what it changes. Where SND.UNA has passed the edge, or nothing
 * was SACKed before, those of the whole queue are what is behind it.
 *
 * Owner: the flight, which the connection has in each call. On the worker.
 * Invariant, with RACK off, something SACKed and the edge not before SND.UNA: the counts are of
 * what is SACKed at or behind the edge.
 */
#ifndef HEADRACE_TCP_ISLOST_H
#define HEADRACE_TCP_ISLOST_H

#include "tcp/tcp.h"

struct tcp_ack_news;

/* Begins at SND.UNA with what is SACKed now. */
void tcp_islost_begin(struct tcp_conn *conn);

/* The record there has just been SACKed. */
void tcp_islost_sacked(struct tcp_conn *conn, uint32_t position);

/* Marks what is lost. True when any was. */
bool tcp_islost_detect(struct tcp_conn *conn);

/* In recovery, with nothing known to be lost and nothing new that may go: what goes all the same,
 * a segment an ACK, where the window has room (section 4, NextSeg(), rules 3 and 4). */
void tcp_islost_fill(struct tcp_conn *conn, const struct tcp_ack_news *news);

/* Counts anew; for tests and the simulator. */
bool tcp_islost_check(const struct tcp_conn *conn);

#endif
