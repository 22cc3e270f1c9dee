#include "bench/place_options.h"

#include "bench/values.h"

static const char *const mode_names[] = {"auto", "zerocopy", "native", "generic", NULL};

static bool append(const char **list, unsigned *count, const char *value)
{
    if (*count == PLACE_ADDRESSES_MAX) {
        return false;
    }
    list[(*count)++] = value;
    return true;
}

static bool take_mode(const char *value, enum place_mode *mode)
{
    int found = value_name(value, mode_names);

    if (found < 0) {
        return false;
    }
    *mode = (enum place_mode)found;
    return true;
}

/* value_list() writes what comes before the first number that is none. */
static bool take_list(const char *value, unsigned *list, unsigned *count)
{
    unsigned given[PLACE_WORKERS_MAX];
    unsigned given_count;

    if (!value_list(value, given, PLACE_WORKERS_MAX, &given_count)) {
        return false;
    }
    for (unsigned i = 0; i < given_count; i++) {
        list[i] = given[i];
    }
    *count = given_count;
    return true;
}

bool place_take(int option, const char *value, struct place_options *place)
{
    switch ((enum place_option)option) {
    case PLACE_INTERFACE:
        place->interface = value;
        return true;
    case PLACE_ADDRESS:
        return append(place->addresses, &place->address_count, value);
    case PLACE_GATEWAY:
        return append(place->gateways, &place->gateway_count, value);
    case PLACE_QUEUES:
        return take_list(value, place->queues, &place->queue_count);
    case PLACE_CORES:
        return take_list(value, place->cores, &place->core_count);
    case PLACE_MODE:
        return take_mode(value, &place->mode);
    case PLACE_BUSY:
        place->wait = PLACE_WAIT_BUSY;
        return true;
    case PLACE_SLEEP:
        place->wait = PLACE_WAIT_SLEEP;
        return true;
    case PLACE_RECEIVE_FRAMES:
        return value_power_of_two(value, 2048, 65536, &place->receive_frames);
    case PLACE_TIME_WAIT:
        return value_unsigned(value, 1, 240, &place->time_wait_s);
    case PLACE_ACK_SEGMENTS:
        return value_unsigned(value, 1, 256, &place->ack_segments);
    case PLACE_ACK_HOLD:
        if (!value_unsigned(value, 0, 40000, &place->ack_hold_us)) {
            return false;
        }
        place->ack_hold_is_given = true;
        return true;
    }
    return false;
}

const char *place_refusal(int option)
{
    switch (option) {
    case PLACE_QUEUES:
        return "--queues takes numbers, as 0 or 0,1, not '%s'.";
    case PLACE_CORES:
        return "--cores takes numbers, as 0 or 0,1, not '%s'.";
    case PLACE_MODE:
        return "'%s' is no mode: auto, zerocopy, native or generic.";
    case PLACE_RECEIVE_FRAMES:
        return "--receive-frames takes 2048, 4096, ... 65536, not '%s'.";
    case PLACE_TIME_WAIT:
        return "--time-wait takes 1 to 240 seconds, not '%s'.";
    case PLACE_ACK_SEGMENTS:
        return "--ack-segments takes a number from 1 to 256, not '%s'.";
    case PLACE_ACK_HOLD:
        return "--ack-hold takes 0 to 40000 microseconds, not '%s'.";
    default:
        return "'%s' is one too many: at most 16 can be given.";
    }
}
