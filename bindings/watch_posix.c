#include "watch.h"

#include "check.h"
#include "clock.h"
#include "log.h"
#include "settle.h"
#include "source.h"

#include <errno.h>
#include <poll.h>
#include <stdalign.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOK_MS = 1000, EVENTS_SIZE = 16384 };

enum {
    WRITTEN = IN_MODIFY | IN_CLOSE_WRITE,
    ARRIVED = IN_CREATE | IN_MOVED_TO,
    RENAMED = ARRIVED | IN_DELETE | IN_MOVED_FROM,
    REPLACED = IN_DELETE_SELF | IN_MOVE_SELF, /* of a file that a link leads to */
};

struct watch {
    int wake;        /* an eventfd */
    int changes;     /* an inotify instance; -1: none yet */
    char *directory; /* NULL: nothing is watched */
    int first;       /* the directory's own watch; -1: it has gone */
    dev_t device;    /* what the directory's path led to when that was added */
    ino_t inode;
    bool stale;       /* directories may have gone that are watched still */
    bool warned;      /* that not all of them are watched */
    uint64_t look_ms; /* when to see where the path leads now; UINT64_MAX: never */
    struct settle settle;
};

static uint64_t now_ms(void)
{
    return clock_now_ns() / 1000000;
}

/* ---- what is watched ---- */

static bool refused(const char *path, struct error *error)
{
    const char *advice = errno == ENOSPC   ? ": raise the limit fs.inotify.max_user_watches"
                         : errno == EMFILE ? ": raise the limit fs.inotify.max_user_instances, or "
                                             "how many files may be open (ulimit -n)"
                                           : "";
    return error_set(error, ERROR_SYSTEM, "%s cannot be watched for changes: %s%s", path,
                     errno == ENOSPC ? "too many directories are watched" : strerror(errno),
                     advice);
}

/* Before the directory is listed: what is made in it then is either on the list or told of. */
static bool add_directory(void *context, const char *path, struct error *error)
{
    struct watch *watch = context;
    int added = inotify_add_watch(watch->changes, path, WRITTEN | RENAMED | IN_ONLYDIR);
    if (added >= 0) {
        if (strcmp(path, watch->directory) == 0) watch->first = added;
        return true;
    }
    if (errno == EACCES || errno == ENOENT || errno == ENOTDIR)
        return true; /* as for source_walk */
    return refused(path, error);
}

/* What a link leads to may lie in a directory that is not watched: then the file is. */
static bool add_link(void *context, const char *path, const char *name, struct error *error)
{
    struct watch *watch = context;
    struct stat status;
    (void)name;
    if (lstat(path, &status) != 0 || !S_ISLNK(status.st_mode)) return true;
    int added = inotify_add_watch(watch->changes, path, WRITTEN | REPLACED);
    return added >= 0 || errno == EACCES || errno == ENOENT || refused(path, error);
}

static bool add_all(struct watch *watch, struct error *error)
{
    struct source_visitor visitor = {.context = watch, .enter = add_directory, .file = add_link};
    return source_walk(watch->directory, &visitor, error);
}

/* Watches what there is now, and nothing else. What has been told of but not read is forgotten. */
static bool add_anew(struct watch *watch, struct error *error)
{
    struct stat status;
    int changes = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (changes < 0) return refused(watch->directory, error);
    if (watch->changes >= 0) close(watch->changes);
    watch->changes = changes;
    watch->first = -1;
    /* Before it is watched: if the path leads elsewhere in between, the next look sees that. */
    if (stat(watch->directory, &status) == 0) {
        watch->device = status.st_dev;
        watch->inode = status.st_ino;
    }
    return add_all(watch, error);
}

/* While waiting there is nobody to hand an error to: some changes are not seen then. */
static void note_trouble(struct watch *watch, bool fine, const struct error *error)
{
    if (!fine && !watch->warned) log_line(LOG_WARN, "%s", error->text);
    watch->warned = !fine;
}

/* Nothing tells that a path leads elsewhere: hence a look once a second, and after changes. */
static void look(struct watch *watch, uint64_t now)
{
    struct stat status;
    struct error error;
    watch->look_ms = now + LOOK_MS;
    if (stat(watch->directory, &status) != 0) { /* to be told of when it is there again */
        watch->first = -1;
        return;
    }
    bool same = watch->device == status.st_dev && watch->inode == status.st_ino;
    bool moved = watch->first < 0 || !same;
    if (!moved && !watch->stale) return;
    note_trouble(watch, add_anew(watch, &error), &error);
    watch->stale = false;
    if (moved && watch->first >= 0) settle_note(&watch->settle, now);
}

/* ---- what has happened ---- */

/* A name that is not a Lua file's may be a link that leads to some. What has no name is what one leads to. */
static bool counts(const struct inotify_event *event)
{
    if ((event->mask & (RENAMED | REPLACED | IN_Q_OVERFLOW)) != 0) return true;
    return (event->mask & WRITTEN) != 0 && (event->len == 0 || source_has_name(event->name));
}

static void read_events(struct watch *watch, uint64_t now)
{
    alignas(struct inotify_event) char events[EVENTS_SIZE];
    const struct inotify_event *event;
    bool changed = false, arrived = false;
    ssize_t size = read(watch->changes, events, sizeof events);
    for (ssize_t at = 0; at < size; at += (ssize_t)(sizeof *event + event->len)) {
        event = (const struct inotify_event *)(events + at);
        if ((event->mask & IN_IGNORED) != 0 && event->wd == watch->first) watch->first = -1;
        if ((event->mask & ARRIVED) != 0 && (event->mask & IN_ISDIR) != 0) arrived = true;
        if ((event->mask & (RENAMED | REPLACED | IN_Q_OVERFLOW)) != 0) watch->stale = true;
        if (counts(event)) changed = true;
    }
    struct error error;
    if (arrived) note_trouble(watch, add_all(watch, &error), &error);
    if (changed) settle_note(&watch->settle, now);
}

static bool take_wake(struct watch *watch)
{
    uint64_t times;
    return read(watch->wake, &times, sizeof times) == sizeof times;
}

enum watch_event watch_wait(struct watch *watch)
{
    for (;;) {
        if (take_wake(watch)) return WATCH_WOKEN;
        uint64_t now = now_ms();
        if (settle_over(&watch->settle, now)) {
            look(watch, now);
            watch->settle.changed = false; /* what that saw is told of with the rest */
            return WATCH_CHANGED;
        }
        if (now >= watch->look_ms) look(watch, now);
        struct pollfd ready[] = {{.fd = watch->wake, .events = POLLIN},
                                 {.fd = watch->changes, .events = POLLIN}};
        uint64_t patience = settle_wait_ms(&watch->settle, now, watch->look_ms);
        poll(ready, 2, patience > INT32_MAX ? -1 : (int)patience);
        if (ready[1].revents != 0) read_events(watch, now_ms());
    }
}

void watch_wake(struct watch *watch)
{
    const uint64_t one = 1;
    int kept = errno;
    ssize_t written = write(watch->wake, &one, sizeof one);
    check(written == sizeof one || errno == EAGAIN); /* full: it will wake */
    errno = kept;
}

/* ---- opening and closing ---- */

struct watch *watch_open(const char *directory, struct error *error)
{
    struct watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL) goto no_memory;
    watch->changes = watch->first = -1;
    watch->look_ms = UINT64_MAX;
    watch->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (watch->wake < 0) {
        error_set(error, ERROR_SYSTEM, "nothing can be waited for: %s", strerror(errno));
        goto failed;
    }
    if (directory == NULL) return watch;
    watch->directory = strdup(directory);
    if (watch->directory == NULL) goto no_memory;
    watch->look_ms = now_ms() + LOOK_MS;
    if (add_anew(watch, error)) return watch;
    goto failed;

no_memory:
    error_set(error, ERROR_SYSTEM, "no memory to watch for changes");
failed:
    if (watch != NULL) watch_close(watch);
    return NULL;
}

void watch_close(struct watch *watch)
{
    if (watch->changes >= 0) close(watch->changes);
    if (watch->wake >= 0) close(watch->wake);
    free(watch->directory);
    free(watch);
}
