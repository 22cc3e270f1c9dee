#include "bench/tcp_options.h"

#include "bench/values.h"

#include <assert.h>
#include <stddef.h>

#define BUFFER_BYTES_MIN 4096u
#define BUFFER_BYTES_MAX (1u << 30)

/* Connections at once that data of a SYN has opened and whose handshake is not over: as many as
 * half-open ones by default. */
#define FAST_OPEN_MAX 4096u

/* In the order of enum hr_mtu_probing. */
static const char *const mtu_probing_names[] = {"off", "after-black-hole", "always", NULL};

void tcp_options_init(struct tcp_options *options)
{
    *options = (struct tcp_options){.tuning = hr_tuning_default};
}

static bool take_mtu_probing(const char *value, struct hr_tuning *tuning)
{
    int found = value_name(value, mtu_probing_names);

    tuning->mtu_probing = (uint8_t)found;
    return found >= 0;
}

static bool take_flag(int option, struct tcp_options *options)
{
    switch (option) {
    case TCP_OPTION_FAST_OPEN:
        options->fast_open = true;
        break;
    case TCP_OPTION_FAST_OPEN_NO_COOKIE:
        options->fast_open = true;
        options->no_cookie = true;
        break;
    case TCP_OPTION_PACING:
        options->tuning.pacing = true;
        break;
    case TCP_OPTION_NO_SACK:
        options->no_sack = true;
        break;
    case TCP_OPTION_NO_TIMESTAMPS:
        options->no_timestamps = true;
        break;
    default:
        assert(option == TCP_OPTION_NO_WINDOW_SCALE);
        options->no_window_scale = true;
        break;
    }
    return true;
}

bool tcp_option_take(int option, const char *value, struct tcp_options *options)
{
    struct hr_tuning *tuning = &options->tuning;
    unsigned number = 0;
    bool good;

    switch (option) {
    case TCP_OPTION_MTU_PROBING:
        return take_mtu_probing(value, tuning);
    case TCP_OPTION_SEND_BUFFER:
        tuning->send_buffer_max = 0;
        return value_unsigned(value, BUFFER_BYTES_MIN, BUFFER_BYTES_MAX, &options->send_buffer);
    case TCP_OPTION_RECEIVE_BUFFER:
        tuning->receive_buffer_max = 0;
        return value_unsigned(value, BUFFER_BYTES_MIN, BUFFER_BYTES_MAX, &options->receive_buffer);
    case TCP_OPTION_KEEPALIVE:
        good = value_unsigned(value, 1, 32767, &number);
        tuning->keepalive = true;
        tuning->keepalive_idle_s = (uint16_t)number;
        return good;
    case TCP_OPTION_USER_TIMEOUT:
        good = value_unsigned(value, 1, 86400, &number);
        tuning->user_timeout_ms = number * 1000;
        return good;
    case TCP_OPTION_DSCP:
        good = value_unsigned(value, 0, 63, &number);
        tuning->dscp = (uint8_t)number;
        return good;
    default:
        return take_flag(option, options);
    }
}

const char *tcp_option_refusal(int option)
{
    switch (option) {
    case TCP_OPTION_MTU_PROBING:
        return "'%s' is no MTU probing: off, after-black-hole or always.";
    case TCP_OPTION_SEND_BUFFER:
        return "--send-buffer takes 4096 to 1073741824 bytes, not '%s'.";
    case TCP_OPTION_RECEIVE_BUFFER:
        return "--receive-buffer takes 4096 to 1073741824 bytes, not '%s'.";
    case TCP_OPTION_KEEPALIVE:
        return "--keepalive takes 1 to 32767 seconds, not '%s'.";
    case TCP_OPTION_USER_TIMEOUT:
        return "--user-timeout takes 1 to 86400 seconds, not '%s'.";
    default:
        return "--dscp takes a number from 0 to 63, not '%s'.";
    }
}

static uint32_t size_of(uint32_t given, uint32_t preset)
{
    return given > 0 ? given : preset;
}

void tcp_options_listen(const struct tcp_options *options, struct hr_listen_options *listen)
{
    listen->tuning = options->tuning;
    listen->sack = !options->no_sack;
    listen->timestamps = !options->no_timestamps;
    listen->window_scale = !options->no_window_scale;
    listen->fast_open_max = options->fast_open ? FAST_OPEN_MAX : 0;
    listen->fast_open_no_cookie = options->no_cookie;
    listen->send_buffer = size_of(options->send_buffer, listen->send_buffer);
    listen->receive_buffer = size_of(options->receive_buffer, listen->receive_buffer);
}

void tcp_options_connect(const struct tcp_options *options, struct hr_connect_options *connect)
{
    connect->tuning = options->tuning;
    connect->sack = !options->no_sack;
    connect->timestamps = !options->no_timestamps;
    connect->window_scale = !options->no_window_scale;
    connect->fast_open = options->fast_open;
    connect->fast_open_no_cookie = options->no_cookie;
    connect->send_buffer = size_of(options->send_buffer, connect->send_buffer);
    connect->receive_buffer = size_of(options->receive_buffer, connect->receive_buffer);
}
