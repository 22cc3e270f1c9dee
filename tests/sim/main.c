/*
 * simulate [--seed N] [--seeds COUNT] [--first N] [--trace]
 *
 * Runs seeds and stops at the first that fails: it prints the seed and how to
 * run it again. With --trace every packet is printed.
 */
#include "tests/sim/sim.h"

#include "datapath/net/checksum.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct options {
    uint64_t first;
    uint64_t count;
    bool trace;
};

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

int main(int argc, char **argv)
{
    struct options options = {.first = 1, .count = 2000};
    static struct sim sim;
    double *costs;

    if (!parse_options(argc, argv, &options) || options.count == 0) {
        (void)fprintf(stderr, "usage: simulate [--seed N] [--seeds COUNT] [--first N] [--trace]\n");
        return 2;
    }
    checksum_init();
    costs = calloc(options.count, sizeof *costs);
    if (!costs) {
        return 1;
    }
    for (uint64_t i = 0; i < options.count; i++) {
        double start = cpu_ms();

        if (sim_run(&sim, options.first + i, options.trace ? stdout : NULL) != 0) {
            (void)printf("seed %llu failed: %s\nagain: simulate --seed %llu --trace\n",
                         (unsigned long long)(options.first + i), sim.failure,
                         (unsigned long long)(options.first + i));
            free(costs);
            return 1;
        }
        costs[i] = cpu_ms() - start;
    }
    qsort(costs, options.count, sizeof *costs, compare);
    (void)printf("%llu seeds from %llu passed; CPU per seed: median %.2f ms, largest %.2f ms\n",
                 (unsigned long long)options.count, (unsigned long long)options.first,
                 costs[options.count / 2], costs[options.count - 1]);
    free(costs);
    return 0;
}
