/*
 * Why something could not be opened: a number for programs, a sentence for
 * people that says what is wrong and what to do. The caller owns it; any
 * thread.
 */
#ifndef HEADRACE_DATAPATH_XDP_ERROR_H
#define HEADRACE_DATAPATH_XDP_ERROR_H

struct xdp_error {
    int errnum; /* negative errno, 0 while nothing has failed */
    char text[256];
};

/* Fills it and returns `errnum`, which is negative. */
int xdp_error_set(struct xdp_error *error, int errnum, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
