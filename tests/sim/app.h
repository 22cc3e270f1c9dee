/*
 * The applications of the simulator: two ends of a connection that send each
 * other a stream whose every byte is known, behave as a seed says, and check
 * what arrives.
 */
#ifndef HEADRACE_TESTS_SIM_APP_H
#define HEADRACE_TESTS_SIM_APP_H

#include "datapath/wire/random.h"
#include "tcp/user.h"

#include <stdbool.h>
#include <stdint.h>

#define APP_RETAINED_MAX 32u

/* How one end behaves. */
struct app_plan {
    uint32_t bytes;      /* to send */
    uint32_t chunk_max;  /* per send */
    uint32_t pause_ppm;  /* chance per delivery to pause reading */
    uint64_t pause_ns;   /* for so long at the most */
    uint32_t retain_ppm; /* chance per delivery to keep the data a while */
    uint32_t gap_ppm;    /* chance per send to do nothing for a while */
    uint64_t gap_ns;     /* for so long at the most */
    uint32_t abort_at;   /* bytes received at which it aborts; UINT32_MAX never */
    uint64_t abort_ns;   /* aborts then; UINT64_MAX never */
    uint64_t close_ns;   /* closes then, done or not; UINT64_MAX never */
    bool echo;           /* sends back what comes instead of bytes of its own */
    bool waits_for_eof;  /* shuts down only after the peer has */
    bool closes_at_once; /* CLOSE instead of a half close when all is sent */
    bool starts_paused;
    bool nodelay;
    uint32_t cork_ppm; /* chance per send to put the cork in, or to pull it */
    uint64_t begin_ns; /* asks for its connection so long after the start */
    bool early;        /* sends before it is open: in the SYN, where Fast Open lets it */
};

enum app_error {
    APP_OK,
    APP_WRONG_BYTE,
    APP_TOO_MUCH,
    APP_EVENT_AFTER_CLOSE,
    APP_OPEN_TWICE,
    APP_EOF_TOO_EARLY,
    APP_ERROR_COUNT,
};

struct app {
    struct app_plan plan;
    struct random random;
    struct tcp_conn *conn; /* NULL before open and after close */
    uint64_t stream_key;   /* of what this end sends; its peer checks with it */
    const struct app *peer;
    struct app *accepted; /* of a listener for all connections: that of number i, by
                             the peer's port, is accepted[2 * i]; NULL for all others */
    uint32_t accepted_count;
    uint16_t first_port;
    struct app *stranger; /* has what comes to life again */
    bool may_live_twice;  /* by an old SYN or cookie; else only where the numbers go on by chance */
    uint32_t end_seq;     /* SND.NXT at the close */
    uint32_t sent;
    uint32_t acked;
    uint32_t received;
    uint64_t wake_ns;  /* reads, releases and writes again then; UINT64_MAX never */
    uint64_t begin_ns; /* asks for its connection then; UINT64_MAX: has, or never does */
    unsigned retained_count;
    struct slice retained[APP_RETAINED_MAX];
    bool opened;
    bool shut;
    bool eof;
    bool closed;
    bool aborted;
    bool left; /* closed without waiting for what was still to come */
    uint64_t left_ns;
    bool paused;
    bool corked;
    bool is_stranger;
    enum tcp_reason reason;
    enum app_error error;
};

extern const struct tcp_events app_events;
extern const char *const app_error_names[APP_ERROR_COUNT];

/* Time has come to app->wake_ns. */
void app_wake(struct app *app, uint64_t now_ns);

/* It has its connection: opened, or just asked for. */
void app_begin(struct app *app, struct tcp_conn *conn);

/* What this end is to send in all. */
uint32_t app_total(const struct app *app);

#endif
