/*
 * simulate [--seed N] [--seeds COUNT] [--first N] [--list FILE] [--all] [--trace]
 *
 * Runs the seeds of the list, if there is one (a number a line), then COUNT from
 * the first on, and stops at one that fails: it prints the seed, the invariant
 * that broke, and how to run it again. With --all it goes on to the next. With
 * --trace every packet is printed.
 */
#include "tests/sim/sim.h"

#include "datapath/net/checksum.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LIST_MAX 1000u

struct options {
    uint64_t first;
    uint64_t count;
    const char *list; /* a file of seeds to be run first, or NULL */
    bool all;
    bool trace;
};

/* Of the seed that is running, for the handler of an assertion. */
static char again[64];

static bool parse_number(const char *text, uint64_t *value)
{
    char *end;

    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

static bool parse_options(int argc, char **argv, struct options *options)
{
    static const struct option names[] = {
        {"seed", required_argument, NULL, 's'},
        {"seeds", required_argument, NULL, 'n'},
        {"first", required_argument, NULL, 'f'},
        {"list", required_argument, NULL, 'l'},
        {"all", no_argument, NULL, 'a'},
        {"trace", no_argument, NULL, 't'},
        {0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        bool good = true;

        switch (option) {
        case 's':
            good = parse_number(optarg, &options->first);
            options->count = 1;
            break;
        case 'n':
            good = parse_number(optarg, &options->count);
            break;
        case 'f':
            good = parse_number(optarg, &options->first);
            break;
        case 'l':
            options->list = optarg;
            break;
        case 'a':
            options->all = true;
            break;
        case 't':
            options->trace = true;
            break;
        default:
            good = false;
            break;
        }
        if (!good) {
            return false;
        }
    }
    return optind == argc;
}

static double cpu_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

static void on_abort(int number)
{
    (void)number;
    (void)!write(STDOUT_FILENO, again, strlen(again));
}

/* The seeds of a file and those of the range, in this order; NULL without memory
 * or file. */
static uint64_t *list_seeds(const struct options *options, uint64_t *count)
{
    uint64_t *seeds = calloc(LIST_MAX + options->count, sizeof *seeds);
    FILE *file = options->list ? fopen(options->list, "r") : NULL;
    char line[256];

    *count = 0;
    if (!seeds || (options->list && !file)) {
        free(seeds);
        return NULL;
    }
    while (file && *count < LIST_MAX && fgets(line, sizeof line, file)) {
        char *end;
        uint64_t seed = strtoull(line, &end, 10);

        if (end != line) {
            seeds[(*count)++] = seed;
        }
    }
    if (file) {
        (void)fclose(file);
    }
    for (uint64_t i = 0; i < options->count; i++) {
        seeds[(*count)++] = options->first + i;
    }
    return seeds;
}

static int run_seed(uint64_t seed, bool trace)
{
    static struct sim sim;

    (void)snprintf(again, sizeof again, "again: simulate --seed %llu --trace\n",
                   (unsigned long long)seed);
    if (sim_run(&sim, seed, trace ? stdout : NULL) == 0) {
        return 0;
    }
    (void)printf("seed %llu failed: %s\n%s: %s\n%s", (unsigned long long)seed, sim.failure,
                 invariant_names[sim.broken], invariant_texts[sim.broken], again);
    return -1;
}

int main(int argc, char **argv)
{
    struct options options = {.first = 1, .count = 2000};
    uint64_t count = 0;
    uint64_t failed = 0;
    uint64_t *seeds;
    double *costs;

    if (!parse_options(argc, argv, &options) || options.count == 0) {
        (void)fprintf(stderr,
                      "usage: simulate [--seed N] [--seeds COUNT] [--first N] "
                      "[--list FILE] [--all] [--trace]\n");
        return 2;
    }
    checksum_init();
    (void)signal(SIGABRT, on_abort);
    seeds = list_seeds(&options, &count);
    costs = calloc(LIST_MAX + options.count, sizeof *costs);
    if (!seeds || !costs) {
        (void)fprintf(stderr, "simulate: no memory, or no such list\n");
        free(seeds);
        free(costs);
        return 1;
    }
    for (uint64_t i = 0; i < count && (failed == 0 || options.all); i++) {
        double start = cpu_ms();

        failed += run_seed(seeds[i], options.trace) != 0;
        costs[i] = cpu_ms() - start;
    }
    qsort(costs, count, sizeof *costs, compare);
    (void)printf("%llu seeds, %llu failed; CPU per seed: median %.2f ms, largest %.2f ms\n",
                 (unsigned long long)count, (unsigned long long)failed, costs[count / 2],
                 costs[count - 1]);
    free(seeds);
    free(costs);
    return failed == 0 ? 0 : 1;
}
