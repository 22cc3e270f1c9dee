#include "tests/link/options.h"

#include "bench/values.h"

#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: link --left IF --right IF [options]\n"
    "\n"
    "Forwards all frames between two interfaces as a slow and lossy line would.\n"
    "\n"
    "  --left IF, --right IF  its ends: those of veth pairs that have no address\n"
    "  --rate MBITS         of each direction, 0.1 to 200 Mbit/s of frames (unlimited)\n"
    "  --delay MS           one way, 0 to 300 (0)\n"
    "  --queue BYTES        that wait at most for the rate; what comes then is dropped, 1514 to\n"
    "                       16000000 (100000)\n"
    "  --mark BYTES         above so many waiting, packets of ECN transports are marked CE\n"
    "                       (never)\n"
    "  --loss PERCENT       of frames, at random, 0 to 100 (0)\n"
    "  --seed N             of what is lost, 0 to 4294967295 (1)\n"
    "  --json FILE          write the counters\n"
    "  --help\n"
    "\n"
    "Each of --rate to --loss takes one value, or two for the directions, to the right and to\n"
    "the left: --rate 100,10. Ends on SIGINT and SIGTERM, and prints its counters.\n";

enum {
    OPTION_LEFT = 256,
    OPTION_RIGHT,
    OPTION_RATE,
    OPTION_DELAY,
    OPTION_QUEUE,
    OPTION_MARK,
    OPTION_LOSS,
    OPTION_SEED,
    OPTION_JSON,
    OPTION_HELP,
};

static const struct option names[] = {
    {"left", required_argument, NULL, OPTION_LEFT},
    {"right", required_argument, NULL, OPTION_RIGHT},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"delay", required_argument, NULL, OPTION_DELAY},
    {"queue", required_argument, NULL, OPTION_QUEUE},
    {"mark", required_argument, NULL, OPTION_MARK},
    {"loss", required_argument, NULL, OPTION_LOSS},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"json", required_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {0},
};

static enum link_parse wrong(const char *format, const char *value)
{
    (void)fprintf(stderr, "link: ");
    (void)fprintf(stderr, format, value);
    (void)fprintf(stderr, " See link --help.\n");
    return LINK_WRONG;
}

struct bounds {
    double min;
    double max;
};

static bool parse_decimal(const char *text, size_t length, struct bounds bounds, double *value)
{
    char copy[32];
    char *end;

    if (length == 0 || length >= sizeof copy || strspn(text, "0123456789.") < length) {
        return false;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    *value = strtod(copy, &end);
    return *end == '\0' && *value >= bounds.min && *value <= bounds.max;
}

/* One value for both directions, or one for each: to the right, then to the left. */
static bool parse_pair(const char *text, struct bounds bounds, double to[2])
{
    size_t first = strcspn(text, ",");

    if (!parse_decimal(text, first, bounds, &to[PIPE_TO_RIGHT])) {
        return false;
    }
    to[PIPE_TO_LEFT] = to[PIPE_TO_RIGHT];
    return text[first] == '\0' ||
           parse_decimal(text + first + 1, strlen(text + first + 1), bounds, &to[PIPE_TO_LEFT]);
}

static const struct {
    struct bounds bounds;
    const char *refusal;
} pairs[] = {
    [0] = {{0.1, 200}, "--rate takes 0.1 to 200 Mbit/s, not '%s'."},
    [OPTION_DELAY - OPTION_RATE] = {{0, 300}, "--delay takes 0 to 300 ms, not '%s'."},
    [OPTION_QUEUE -
        OPTION_RATE] = {{1514, 16e6}, "--queue takes 1514 to 16000000 bytes, not '%s'."},
    [OPTION_MARK - OPTION_RATE] = {{0, 16e6}, "--mark takes 0 to 16000000 bytes, not '%s'."},
    [OPTION_LOSS - OPTION_RATE] = {{0, 100}, "--loss takes 0 to 100 percent, not '%s'."},
};

static void set(struct pipe_settings *pipe, int option, double value)
{
    switch (option) {
    case OPTION_RATE:
        pipe->rate_bytes_s = value * 1e6 / 8;
        break;
    case OPTION_DELAY:
        pipe->delay_ns = (uint64_t)llround(value * 1e6);
        break;
    case OPTION_QUEUE:
        pipe->queue_bytes_max = (uint64_t)value;
        break;
    case OPTION_MARK:
        pipe->marks = true;
        pipe->mark_bytes = (uint64_t)value;
        break;
    default:
        pipe->loss = value / 100;
        break;
    }
}

static enum link_parse take_pair(int option, const char *value, struct link_options *options)
{
    double to[2];

    if (!parse_pair(value, pairs[option - OPTION_RATE].bounds, to)) {
        return wrong(pairs[option - OPTION_RATE].refusal, value);
    }
    set(&options->to[PIPE_TO_RIGHT], option, to[PIPE_TO_RIGHT]);
    set(&options->to[PIPE_TO_LEFT], option, to[PIPE_TO_LEFT]);
    return LINK_RUN;
}

static enum link_parse take(int option, const char *value, struct link_options *options)
{
    unsigned seed;

    switch (option) {
    case OPTION_LEFT:
    case OPTION_RIGHT:
        options->interface[option - OPTION_LEFT] = value;
        return LINK_RUN;
    case OPTION_SEED:
        if (!value_unsigned(value, 0, UINT32_MAX, &seed)) {
            return wrong("--seed takes 0 to 4294967295, not '%s'.", value);
        }
        /* Two directions that lose the same packets would not be random together. */
        options->to[PIPE_TO_RIGHT].seed = 2 * (uint64_t)seed;
        options->to[PIPE_TO_LEFT].seed = 2 * (uint64_t)seed + 1;
        return LINK_RUN;
    case OPTION_JSON:
        options->json = value;
        return LINK_RUN;
    case OPTION_HELP:
        (void)fputs(help, stdout);
        return LINK_DONE;
    default:
        return take_pair(option, value, options);
    }
}

enum link_parse link_options_parse(int argc, char **argv, struct link_options *options)
{
    int option;

    *options = (struct link_options){
        .to = {{.queue_bytes_max = 100000, .seed = 2}, {.queue_bytes_max = 100000, .seed = 3}}};
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", names, NULL)) != -1) {
        enum link_parse result;

        if (option == '?' || option == ':') {
            return wrong(option == ':' ? "%s lacks its value." : "'%s' is not an option.",
                         argv[optind - 1]);
        }
        result = take(option, optarg, options);
        if (result != LINK_RUN) {
            return result;
        }
    }
    if (optind < argc) {
        return wrong("'%s' is not an option.", argv[optind]);
    }
    if (!options->interface[0] || !options->interface[1]) {
        return wrong("%s was not given: an interface for each end.",
                     options->interface[0] ? "--right" : "--left");
    }
    return LINK_RUN;
}
