/*
 * Two network namespaces joined by a veth pair, for tests against the kernel:
 *
 *   near: where the test runs   "hr-near" 10.77.0.1/24, fd77::1/64
 *   far:  the kernel as a peer  "hr-far"  10.77.0.2/24, fd77::2/64
 *
 * The namespaces have no name and are held by this process alone: they vanish
 * with it and all that is in them, however it ends. Nothing outside is touched.
 *
 * Transmit checksum offload is off at the far end, as a NIC would do it.
 */
#ifndef HEADRACE_TESTS_NETWORK_PLACE_H
#define HEADRACE_TESTS_NETWORK_PLACE_H

#define PLACE_NEAR "hr-near"
#define PLACE_FAR "hr-far"

struct place {
    int near_fd; /* namespaces */
    int far_fd;
};

/* A group setup for cmocka: without root everything fails, loudly. */
int place_need_root(void **state);

/* Enters the near namespace. Ends the program, loudly, when anything fails. */
void place_open(struct place *place, unsigned queues);

/* Back to the namespace that the program was started in is not possible, nor
 * needed: the next place_open makes new ones. */
void place_close(struct place *place);

/* This thread moves; sockets stay in the namespace that they were made in. */
void place_go_far(const struct place *place);
void place_go_near(const struct place *place);

/* Runs a command line in the current namespace; ends the program when it fails. */
void place_run(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
