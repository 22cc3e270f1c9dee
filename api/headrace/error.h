/*
 * Errors: negative enumerators, each with a name and a sentence. Nothing in the
 * library prints, exits or aborts on them.
 */
#ifndef HEADRACE_ERROR_H
#define HEADRACE_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

enum hr_error {
    HR_OK = 0,
    HR_ERR_AGAIN = -1,        /* the send buffer is full; on_writable follows */
    HR_ERR_NO_MEMORY = -2,    /* frames, records or connections are used up */
    HR_ERR_STATE = -3,        /* not in this state of the connection or stack */
    HR_ERR_IN_USE = -4,       /* address and port are taken */
    HR_ERR_ADDRESS = -5,      /* no such local address, or none that a host may have */
    HR_ERR_NO_ROUTE = -6,     /* no way to the peer */
    HR_ERR_ARGUMENT = -7,     /* a value out of its range */
    HR_ERR_RESET = -8,        /* the peer reset the connection */
    HR_ERR_REFUSED = -9,      /* the peer refused the connection */
    HR_ERR_TIMEOUT = -10,     /* the peer did not answer, or take what was left, in time */
    HR_ERR_ABORTED = -11,     /* hr_abort() */
    HR_ERR_UNREAD = -12,      /* reset by us: data came that nobody would read (RFC 2525) */
    HR_ERR_UNREACHABLE = -13, /* nobody on the way knows the peer */
    HR_ERR_INTERFACE = -14,   /* the interface cannot be opened */
    HR_ERR_THREAD = -15,      /* a thread cannot be made or pinned */
    HR_ERR_UNSUPPORTED = -16, /* not possible with this configuration */
};

/* "HR_ERR_AGAIN". Any thread; never NULL. */
const char *hr_error_name(int error);

/* What it means, as a sentence. Any thread; never NULL. */
const char *hr_error_text(int error);

/* Why something could not be started: a number for programs, a sentence for
 * people that says what is wrong and what to do. Owned by the caller. */
struct hr_failure {
    int error; /* enum hr_error */
    char text[256];
};

#ifdef __cplusplus
}
#endif

#endif
