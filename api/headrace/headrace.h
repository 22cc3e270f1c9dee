/*
 * Headrace: a multi-threaded user-space TCP/IP stack on AF_XDP.
 *
 * An application makes a stack on an interface, gives listeners a table of
 * callbacks, and runs it. Each worker is a thread on a core; a connection
 * belongs to one worker and its callbacks run there, one at a time. Functions
 * that take a `struct hr_conn *` or a `struct hr_worker *` are called on that
 * worker; others say so.
 */
#ifndef HEADRACE_HEADRACE_H
#define HEADRACE_HEADRACE_H

#include <headrace/addr.h>
#include <headrace/conn.h>
#include <headrace/data.h>
#include <headrace/error.h>
#include <headrace/info.h>
#include <headrace/stack.h>
#include <headrace/stats.h>
#include <headrace/tuning.h>
#include <headrace/worker.h>

/* Major, minor, patch. */
#define HR_VERSION "0.1.0"

#endif
