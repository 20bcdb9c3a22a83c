/* watch.h - tells when the files below a directory have changed. Each platform's own.
 *
 * It sees what happens to the directories that source_walk enters: in them any name that comes, goes
 * or is given to another file, and every writing to a Lua file. Reading does not count. When the
 * directory itself is moved away, or its path leads to another one, that one is watched from then on.
 * Not seen is what is written to a file outside that only a symbolic link makes one of these.
 *
 * One thread opens, waits and closes. */
#ifndef MOONPORT_WATCH_H
#define MOONPORT_WATCH_H

#include "base/error.h"

enum watch_event { WATCH_CHANGED, WATCH_WOKEN };

/* directory NULL: watches nothing, only waits to be woken. NULL, and an error, when it cannot be
 * watched. */
struct watch *watch_open(const char *directory, struct error *error);

/* Waits until something has changed, and then nothing more has for 50 ms (500 ms at most) and no Lua
 * file is half written, or until it is woken. A file is half written from when something is written to
 * it until it is closed, and so is one that is open to be written when it begins to be watched; when that does not come for 5 s after the last change (60 s at most) it is
 * waited for no longer, and the log says so. When both have come the wake is told first, the change next time. What changed before
 * it was opened is not told. */
enum watch_event watch_wait(struct watch *watch);

/* True if a Lua file has been written to since watch_wait told of a change, or since the watch was
 * opened, or is half written: what was read in between may be half of a file. A change is told of
 * once it is whole. False all the same after 60 s of that, or when watch_wait has waited for it as long as it may. */
bool watch_saw_writing(struct watch *watch);

/* From any thread, and on POSIX from a signal handler. It is never lost: the next wait returns if
 * none is under way. Several before one wait are one. */
void watch_wake(struct watch *watch);

void watch_close(struct watch *watch);

#endif
