#include <headrace/error.h>

#include "api/convert.h"

struct row {
    const char *name;
    const char *text;
};

#define ROW(error, sentence) [-(error)] = {#error, sentence}

static const struct row rows[] = {
    ROW(HR_OK, "Nothing is wrong."),
    ROW(HR_ERR_AGAIN, "The send buffer is full; on_writable follows."),
    ROW(HR_ERR_NO_MEMORY, "Frames, records or connections are used up."),
    ROW(HR_ERR_STATE, "The connection or stack is not in a state for this."),
    ROW(HR_ERR_IN_USE, "The address and port are in use."),
    ROW(HR_ERR_ADDRESS, "No such local address, or an address that no host may have."),
    ROW(HR_ERR_NO_ROUTE, "No route leads to the peer."),
    ROW(HR_ERR_ARGUMENT, "A value is out of its range."),
    ROW(HR_ERR_RESET, "The peer reset the connection."),
    ROW(HR_ERR_REFUSED, "The peer refused the connection."),
    ROW(HR_ERR_TIMEOUT, "The peer did not answer in time."),
    ROW(HR_ERR_ABORTED, "The connection was aborted on this side."),
    ROW(HR_ERR_UNREAD, "The connection was reset because data came that nobody would read."),
    ROW(HR_ERR_UNREACHABLE, "The peer cannot be reached."),
    ROW(HR_ERR_INTERFACE, "The interface cannot be opened."),
    ROW(HR_ERR_THREAD, "A thread cannot be made or pinned."),
    ROW(HR_ERR_UNSUPPORTED, "This is not possible with this configuration."),
};

static_assert(COUNT_OF(rows) == 1 - HR_ERR_UNSUPPORTED, "one for each error");

static const struct row *find(int error)
{
    static const struct row unknown = {"HR_ERR_?", "An unknown error."};

    return error <= 0 && error > -(int)COUNT_OF(rows) ? &rows[-error] : &unknown;
}

const char *hr_error_name(int error)
{
    return find(error)->name;
}

const char *hr_error_text(int error)
{
    return find(error)->text;
}

int error_outer(int tcp_error)
{
    static const int errors[] = {
        [TCP_OK] = HR_OK,
        [-TCP_ERR_AGAIN] = HR_ERR_AGAIN,
        [-TCP_ERR_NO_MEMORY] = HR_ERR_NO_MEMORY,
        [-TCP_ERR_STATE] = HR_ERR_STATE,
        [-TCP_ERR_IN_USE] = HR_ERR_IN_USE,
        [-TCP_ERR_ADDRESS] = HR_ERR_ADDRESS,
        [-TCP_ERR_ROUTE] = HR_ERR_NO_ROUTE,
        [-TCP_ERR_ARGUMENT] = HR_ERR_ARGUMENT,
    };

    assert(tcp_error <= 0 && -tcp_error < (int)COUNT_OF(errors));
    return errors[-tcp_error];
}

int reason_outer(enum tcp_reason reason)
{
    static const int errors[TCP_REASON_COUNT] = {
        [TCP_REASON_DONE] = HR_OK,
        [TCP_REASON_RESET] = HR_ERR_RESET,
        [TCP_REASON_REFUSED] = HR_ERR_REFUSED,
        [TCP_REASON_TIMEOUT] = HR_ERR_TIMEOUT,
        [TCP_REASON_ABORTED] = HR_ERR_ABORTED,
        [TCP_REASON_UNREAD] = HR_ERR_UNREAD,
        [TCP_REASON_UNREACHABLE] = HR_ERR_UNREACHABLE,
        [TCP_REASON_NO_MEMORY] = HR_ERR_NO_MEMORY,
    };

    return errors[reason];
}
