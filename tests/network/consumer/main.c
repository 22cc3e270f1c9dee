/* Somebody's program against the installed library: a server that tells each client
 * its address, and hangs up. Usage: consumer INTERFACE ADDRESS/LENGTH */
#include <headrace/headrace.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

static void on_open(struct hr_conn *conn)
{
    char text[HR_ADDR_TEXT_BYTES];
    struct hr_addr peer;

    hr_conn_peer(conn, &peer);
    (void)hr_addr_format(&peer, text);
    (void)hr_send(conn, text, strlen(text));
    hr_close(conn);
}

int main(int argc, char **argv)
{
    static const struct hr_conn_ops ops = {.on_open = on_open};
    struct hr_stack_options options = hr_stack_options_default;
    struct hr_addr any = {.port = 2000};
    struct hr_failure failure = {.text = "usage: consumer INTERFACE ADDRESS/LENGTH"};
    struct hr_stack *stack = NULL;
    sigset_t end;
    int number;

    (void)sigemptyset(&end);
    (void)sigaddset(&end, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &end, NULL);
    options.interface = argc == 3 ? argv[1] : NULL;
    options.addresses = (const char *const *)&argv[2];
    options.address_count = 1;
    if (argc != 3 || hr_stack_create(&options, &stack, &failure) != HR_OK ||
        hr_listen(stack, &any, &ops, &hr_listen_options_default) != HR_OK ||
        hr_stack_start(stack, &failure) != HR_OK) {
        (void)fprintf(stderr, "%s\n", failure.text);
        return 1;
    }
    (void)puts("ready");
    (void)fflush(stdout);
    (void)sigwait(&end, &number);
    hr_stack_stop(stack);
    hr_stack_destroy(stack);
    return 0;
}
