/* watch.h - reports changes to the files below a directory. Each platform has its own.
 *
 * It watches the directories that source_walk enters. Any name in them that appears, disappears or is given to
 * another file counts as a change, and so does every write to a Lua file, or to any file in a directory that it
 * follows; reads do not. If the directory is moved
 * away, or its path leads to another one, the directory now at the path is watched. Writes to a file outside that
 * a symbolic link makes part of the source are not seen.
 *
 * One thread opens, waits and closes. */
#ifndef MOONPORT_WATCH_H
#define MOONPORT_WATCH_H

#include "base/error.h"

#include <stdint.h>

enum watch_event { WATCH_CHANGED, WATCH_WOKEN, WATCH_LATE };

/* directory NULL: watches nothing, only waits to be woken. NULL with an error when it cannot be watched. */
struct watch *watch_open(const char *directory, struct error *error);

/* From now on every write to a file below this directory counts, whatever the file is called; hidden ones do not. The path
 * is relative to the watched directory, with / between names: "public". On Windows, and if they were open before, files that
 * are not Lua's are not waited for while they are half written. False with an error: no memory, or the directories cannot
 * be watched. */
bool watch_follow(struct watch *watch, const char *below, struct error *error);

/* Waits until it is woken, or until something has changed, nothing more has changed for 50 ms (500 ms at most),
 * and no file that counts is half written. A file is half written from the first write until it is closed, and also if it
 * was already open for writing when the watch began. It is waited for until 5 s after the last change (60 s at
 * most), and then the log says so. If it was woken and something changed, it reports the wake first and the
 * change next time. It does not report changes from before it was opened. LATE: neither has happened for so many
 * milliseconds (UINT64_MAX: no limit); a change that has not settled is reported later. */
enum watch_event watch_wait(struct watch *watch, uint64_t patience_ms);

/* True if a file that counts has been written to since watch_wait last reported a change, or since the watch was opened,
 * or is half written: a file read in between may be incomplete. A change is reported once the file is complete.
 * False all the same after 60 s of this, or when watch_wait has waited as long as it may. */
bool watch_saw_writing(struct watch *watch);

/* Makes watch_wait return. From any thread, and on POSIX from a signal handler. It is never lost: if no wait is
 * under way, the next one returns at once. Several before one wait count as one. */
void watch_wake(struct watch *watch);

void watch_close(struct watch *watch);

#endif
