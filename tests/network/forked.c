/*
 * An echo server by the public API alone that forks once it serves, for
 * tests/network/kill.sh. The child does nothing, and outlives its parent.
 *
 *   forked INTERFACE CIDR PORT MODE
 */
#include <headrace/headrace.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void on_data(struct hr_conn *conn, const struct hr_data *data)
{
    for (unsigned i = 0; i < data->count; i++) {
        if (hr_send_data(conn, &data->slices[i]) != HR_OK) {
            hr_abort(conn);
            return;
        }
    }
}

static const struct hr_conn_ops echo = {.on_data = on_data, .on_eof = hr_close};

/* The number of the child, which waits for the signal that ends it. */
static pid_t fork_idle_child(void)
{
    pid_t child = fork();

    if (child == 0) {
        for (;;) {
            (void)pause();
        }
    }
    return child;
}

int main(int argc, char **argv)
{
    struct hr_stack_options options = hr_stack_options_default;
    struct hr_addr addr = {.port = argc == 5 ? (uint16_t)strtoul(argv[3], NULL, 10) : 0};
    const char *address = argc == 5 ? argv[2] : NULL;
    struct hr_failure failure;
    struct hr_stack *stack;

    if (addr.port == 0) {
        (void)fprintf(stderr, "usage: forked INTERFACE CIDR PORT native|generic\n");
        return 2;
    }
    options.interface = argv[1];
    options.addresses = &address;
    options.address_count = 1;
    options.mode = strcmp(argv[4], "generic") == 0 ? HR_MODE_GENERIC : HR_MODE_NATIVE;
    if (hr_stack_create(&options, &stack, &failure) != HR_OK ||
        hr_stack_start(stack, &failure) != HR_OK) {
        (void)fprintf(stderr, "forked: %s\n", failure.text);
        return 1;
    }
    if (hr_listen(stack, &addr, &echo, &hr_listen_options_default) != HR_OK) {
        (void)fprintf(stderr, "forked: it can't listen on port %u.\n", addr.port);
        return 1;
    }
    (void)printf("ready, mode %s, child %d\n", hr_stack_mode(stack), (int)fork_idle_child());
    (void)fflush(stdout);
    for (;;) {
        (void)pause();
    }
}
