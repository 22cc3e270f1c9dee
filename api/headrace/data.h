/*
 * What a connection sends and receives. Received bytes stand in frames of the stack, as slices:
 * they can be read, kept, and sent on where they are. All is called on the connection's worker;
 * the table in headrace/conn.h says from which callback.
 */
#ifndef HEADRACE_DATA_H
#define HEADRACE_DATA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hr_conn;
struct hr_worker;

/* A run of received bytes. `bytes` and `length` are the application's to read,
 * the rest is the stack's. */
struct hr_slice {
    const uint8_t *bytes;
    uint32_t length;
    uint32_t frame;
    uint16_t offset;
    uint16_t sum;
};

/* In-order bytes in one or more slices. */
struct hr_data {
    const struct hr_slice *slices;
    unsigned count;
    size_t length; /* of all slices */
};

/* Bytes taken to be sent and not yet acknowledged; SYN and FIN do not count. */
size_t hr_conn_unacked(const struct hr_conn *conn);

/* Sends a copy of `length` bytes: as many as the send buffer has room for, in bytes and in frames
 * (a segment that waits has one, however short). How many; HR_ERR_AGAIN or HR_ERR_NO_MEMORY for
 * none, and on_writable follows; HR_ERR_STATE after hr_shutdown() or hr_close(). */
long hr_send(struct hr_conn *conn, const void *data, size_t length);

/* As hr_send(), and marks what it has taken as urgent: the peer is told at once, even one whose
 * window is closed, and Nagle's algorithm holds nothing before the mark back. The bytes stay
 * where they are in the stream (RFC 6093; a BSD socket takes the last one out of it unless it
 * has SO_OOBINLINE), and the pointer is to the octet behind them (RFC 9293 MUST-62). */
long hr_send_urgent(struct hr_conn *conn, const void *data, size_t length);

/* Bytes before the peer's urgent mark that on_data has not been given yet; inside on_data its
 * own do not count. 0 without a mark (RFC 9293 MUST-33). */
size_t hr_conn_urgent(const struct hr_conn *conn);

/* Sends received bytes on without a copy, all or nothing. Inside on_data only,
 * with a slice of that call. HR_OK, or an error as hr_send(). */
int hr_send_data(struct hr_conn *conn, const struct hr_slice *slice);

/* Sends on what was retained from `source`, a connection of the same worker; the retained slice
 * is used up. HR_OK, or an error as hr_send(), and the slice is still the caller's. */
int hr_send_retained(struct hr_conn *conn, struct hr_conn *source, const struct hr_slice *slice);

/* A place to write what is to be sent, in a frame: at most *room bytes, which is
 * one segment. It is the caller's until hr_commit(), which must come before on_close
 * has returned. NULL when there is none, and on_writable follows; NULL too after
 * hr_shutdown() or hr_close(). *room is 0 then. */
void *hr_reserve(struct hr_conn *conn, size_t *room);
/* Sends the first `length` bytes of a reserved place of this connection; 0 sends
 * nothing. The place is the stack's again, whatever comes back: HR_OK,
 * HR_ERR_NO_MEMORY (and on_writable follows), HR_ERR_STATE, or HR_ERR_ARGUMENT when it
 * is more than a frame holds. Between the room, which is the caller's to keep to, and that
 * nothing tells: a path that takes less meanwhile makes two segments of it. */
int hr_commit(struct hr_conn *conn, void *place, size_t length);

/* Inside on_data: keeps a slice of that call. Small ones are copied. The receive
 * window stays smaller until it is released or sent on: that is the
 * back-pressure. HR_OK or HR_ERR_NO_MEMORY. */
int hr_data_retain(struct hr_conn *conn, const struct hr_slice *slice, struct hr_slice *kept);
/* Gives back what was retained from `conn`, once, in any order. */
void hr_data_release(struct hr_conn *conn, const struct hr_slice *kept);
/* Releases what was retained from a connection of this worker that is gone. */
void hr_data_release_late(struct hr_worker *worker, const struct hr_slice *kept);

/* No on_data until hr_recv_resume(); the window closes as data arrives. */
void hr_recv_pause(struct hr_conn *conn);
void hr_recv_resume(struct hr_conn *conn);

#ifdef __cplusplus
}
#endif

#endif
