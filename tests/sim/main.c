/*
 * simulate [--seed N] [--edition E] [--seeds COUNT] [--first N] [--list FILE] [--all] [--trace]
 *
 * Runs the seeds of the list, if there is one (edition and seed a line), then COUNT from
 * the first on, of the latest edition unless told, and stops at one that fails: it prints the seed,
 * the invariant that broke, and how to run it again. With --all it goes on to the next. With
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
    uint64_t edition;
    const char *list; /* a file of seeds to be run first, or NULL */
    bool all;
    bool trace;
    bool help;
};

/* Of the seed that is running, for the handler of an assertion. */
static char again[80];

/* Of all seeds: how often each reason of cwnd.h was one. */
static uint64_t reasons[CWND_REASON_COUNT];
static uint64_t given_up[PATIENCE_CAUSE_COUNT][SILENCE_CAUSE_COUNT];

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
        {"edition", required_argument, NULL, 'e'},
        {"seeds", required_argument, NULL, 'n'},
        {"first", required_argument, NULL, 'f'},
        {"list", required_argument, NULL, 'l'},
        {"all", no_argument, NULL, 'a'},
        {"trace", no_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
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
        case 'e':
            good = parse_number(optarg, &options->edition) && options->edition >= 1 &&
                   options->edition <= SIM_EDITION_LATEST;
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
        case 'h':
            options->help = true;
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
static struct sim_choice *list_seeds(const struct options *options, uint64_t *count)
{
    struct sim_choice *choices = calloc(LIST_MAX + options->count, sizeof *choices);
    FILE *file = options->list ? fopen(options->list, "r") : NULL;
    char line[256];

    *count = 0;
    if (!choices || (options->list && !file)) {
        free(choices);
        return NULL;
    }
    while (file && *count < LIST_MAX && fgets(line, sizeof line, file)) {
        char *end;
        unsigned edition = (unsigned)strtoul(line, &end, 10);
        char *second;
        uint64_t seed = strtoull(end, &second, 10);

        if (second != end) {
            choices[(*count)++] = (struct sim_choice){seed, edition};
        }
    }
    if (file) {
        (void)fclose(file);
    }
    for (uint64_t i = 0; i < options->count; i++) {
        choices[(*count)++] = (struct sim_choice){options->first + i, (unsigned)options->edition};
    }
    return choices;
}

static int run_seed(const struct sim_choice *choice, bool trace)
{
    static struct sim sim;

    int result;

    (void)snprintf(again, sizeof again, "again: simulate --edition %u --seed %llu --trace\n",
                   choice->edition, (unsigned long long)choice->seed);
    result = sim_run(&sim, choice, trace ? stdout : NULL);
    for (unsigned i = 0; i < CWND_REASON_COUNT; i++) {
        reasons[i] += sim.check.reasons[i];
    }
    for (unsigned i = 0; i < PATIENCE_CAUSE_COUNT; i++) {
        for (unsigned k = 0; k < SILENCE_CAUSE_COUNT; k++) {
            given_up[i][k] += sim.check.given_up[i][k];
        }
    }
    if (result == 0) {
        return 0;
    }
    (void)printf("seed %llu failed: %s\n%s: %s\n%s", (unsigned long long)choice->seed, sim.failure,
                 invariant_names[sim.broken], invariant_texts[sim.broken], again);
    return -1;
}

static void print_given_up(void)
{
    (void)printf("peers given up, by cause and by why nobody answered:");
    for (unsigned i = 0; i < PATIENCE_CAUSE_COUNT; i++) {
        for (unsigned k = 0; k < SILENCE_CAUSE_COUNT; k++) {
            if (given_up[i][k] > 0) {
                (void)printf(" %s/%s %llu", patience_cause_names[i], silence_cause_names[k],
                             (unsigned long long)given_up[i][k]);
            }
        }
    }
    (void)printf("\n");
}

static void print_reasons(void)
{
    (void)printf("turns that sent, by why they might:");
    for (unsigned i = 0; i < CWND_REASON_COUNT; i++) {
        (void)printf(" %s %llu", cwnd_reason_names[i], (unsigned long long)reasons[i]);
    }
    (void)printf("\n");
}

int main(int argc, char **argv)
{
    struct options options = {.first = 1, .count = 2000, .edition = SIM_EDITION_LATEST};
    uint64_t count = 0;
    uint64_t ran = 0;
    uint64_t failed = 0;
    struct sim_choice *seeds;
    double *costs;
    bool good;

    good = parse_options(argc, argv, &options) && options.count > 0;
    if (!good || options.help) {
        (void)fprintf(good ? stdout : stderr,
                      "usage: simulate [--seed N] [--edition E] [--seeds COUNT] [--first N] "
                      "[--list FILE] [--all] [--trace]\n");
        return good ? 0 : 2;
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
    for (; ran < count && (failed == 0 || options.all); ran++) {
        double start = cpu_ms();

        failed += run_seed(&seeds[ran], options.trace) != 0;
        costs[ran] = cpu_ms() - start;
    }
    qsort(costs, ran, sizeof *costs, compare);
    (void)printf("%llu seeds, %llu failed; CPU per seed: median %.2f ms, largest %.2f ms\n",
                 (unsigned long long)ran, (unsigned long long)failed, costs[ran / 2],
                 costs[ran - 1]);
    print_reasons();
    print_given_up();
    free(seeds);
    free(costs);
    return failed == 0 ? 0 : 1;
}
