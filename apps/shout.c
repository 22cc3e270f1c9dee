/* shout: a server of your own in under 80 lines. It answers every byte in upper
 * case. Usage: shout INTERFACE ADDRESS/LENGTH PORT */
#include <headrace/headrace.h>

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Runs on the connection's worker; `data` is valid until it returns. */
static void on_data(struct hr_conn *conn, const struct hr_data *data)
{
    for (unsigned i = 0; i < data->count; i++) {
        const struct hr_slice *slice = &data->slices[i];

        for (size_t done = 0; done < slice->length;) {
            size_t room;
            char *place = hr_reserve(conn, &room); /* in the frame that will be sent */
            size_t length = slice->length - done;

            if (!place) {
                hr_abort(conn); /* the peer asks but does not read */
                return;
            }
            length = length < room ? length : room;
            for (size_t j = 0; j < length; j++) {
                place[j] = (char)toupper(slice->bytes[done + j]);
            }
            if (hr_commit(conn, place, length) != HR_OK) {
                hr_abort(conn);
                return;
            }
            done += length;
        }
    }
}

/* When the peer is done, we are. */
static const struct hr_conn_ops shout = {.on_data = on_data, .on_eof = hr_close};

int main(int argc, char **argv)
{
    struct hr_stack_options options = hr_stack_options_default;
    struct hr_addr addr = {.port = argc == 4 ? (uint16_t)atoi(argv[3]) : 0};
    const char *address = argc == 4 ? argv[2] : NULL;
    struct hr_stack *stack;
    struct hr_failure failure;
    sigset_t signals;
    int signal_number;

    if (addr.port == 0) {
        bool help = argc == 2 && strcmp(argv[1], "--help") == 0;

        (void)fprintf(help ? stdout : stderr, "usage: shout INTERFACE ADDRESS/LENGTH PORT\n");
        return help ? 0 : 2;
    }
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL); /* before the workers exist */
    options.interface = argv[1];
    options.addresses = &address;
    options.address_count = 1;
    if (hr_stack_create(&options, &stack, &failure) != HR_OK) {
        (void)fprintf(stderr, "shout: %s\n", failure.text);
        return 1;
    }
    if (hr_listen(stack, &addr, &shout, &hr_listen_options_default) != HR_OK ||
        hr_stack_start(stack, &failure) != HR_OK) {
        (void)fprintf(stderr, "shout: it can't listen on port %u.\n", addr.port);
        return 1;
    }
    (void)printf("ready on %s port %u, mode %s\n", address, addr.port, hr_stack_mode(stack));
    (void)fflush(stdout);
    (void)sigwait(&signals, &signal_number);
    hr_stack_stop(stack);
    hr_stack_destroy(stack);
    return 0;
}
