/*
 * scenario NAME
 *
 * Runs one named scenario of the simulator: two stacks over the in-memory wire in
 * virtual time, with the trouble that the name says, and nothing left to chance.
 */
#include "tests/sim/scenario.h"

#include "datapath/net/checksum.h"
#include "datapath/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

int main(int argc, char **argv)
{
    static const struct CMUnitTest scenarios[] = {
        cmocka_unit_test(send_queues_full),
        cmocka_unit_test(tiny_segments),
        cmocka_unit_test(fill_starved),
        cmocka_unit_test(held_by_kernel),
        cmocka_unit_test(acked_before_completion),
    };
    bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
    FILE *out = help ? stdout : stderr;

    checksum_init();
    for (unsigned i = 0; i < COUNT_OF(scenarios); i++) {
        const struct CMUnitTest chosen[] = {scenarios[i]};

        if (argc == 2 && strcmp(argv[1], scenarios[i].name) == 0) {
            return cmocka_run_group_tests(chosen, NULL, NULL);
        }
    }
    (void)fprintf(out, "usage: scenario NAME, one of:\n");
    for (unsigned i = 0; i < COUNT_OF(scenarios); i++) {
        (void)fprintf(out, "  %s\n", scenarios[i].name);
    }
    return help ? 0 : 2;
}
