/*
 * What a script asks for and the stack can't be told: said on stderr, once each, so that the
 * script does not pass as if it had been heard. `run` sets such scripts apart.
 *
 * A sysctl is such a one when nobody here reads it and it is no longer what it was when the
 * object was made, which is before the script's first command; or when what it says has no place.
 */
#ifndef HEADRACE_TESTS_PACKETDRILL_UNTOLD_H
#define HEADRACE_TESTS_PACKETDRILL_UNTOLD_H

#include <stdbool.h>

/* Linux has about a hundred. */
#define UNTOLD_FILES 256
#define UNTOLD_SAID 64
#define UNTOLD_NAME_BYTES 48
#define UNTOLD_VALUE_BYTES 128

struct untold_file {
    char name[UNTOLD_NAME_BYTES];
    char value[UNTOLD_VALUE_BYTES];
};

struct untold {
    struct untold_file files[UNTOLD_FILES]; /* as they were, of those that nobody reads */
    unsigned file_count;
    struct untold_file said[UNTOLD_SAID];
    unsigned said_count;
};

/* `is_read` says of a file's name whether its value is looked at. */
void untold_begin(struct untold *untold, const char *folder, bool (*is_read)(const char *name));
/* Whoever has changed since. */
void untold_look(struct untold *untold, const char *folder);
/* "untold: NAME VALUE", if it was not said before. NULL: nobody listens. */
void untold_say(struct untold *untold, const char *name, const char *value);

#endif
