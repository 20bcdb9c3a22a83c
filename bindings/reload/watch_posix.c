#include "reload/watch.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "reload/followed.h"
#include "reload/settle.h"
#include "scripts/source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
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
    REPLACED = IN_DELETE_SELF | IN_MOVE_SELF, /* of the target of a link */
};

/* A Lua file that is open for writing. */
struct writing {
    struct writing *next;
    int directory; /* the watch's number: of the directory, or of the file if `name` is "" */
    bool created;  /* just created, nothing written yet */
    char name[];
};

struct watch {
    int wake;        /* an eventfd */
    int changes;     /* an inotify instance; -1: none yet */
    char *directory; /* NULL: nothing is watched */
    int first;       /* the number of the directory's own watch; -1: it is gone */
    dev_t device;    /* the directory that the path led to when `first` was added */
    ino_t inode;
    bool stale;              /* some watched directories may be gone */
    bool warned;             /* the log says that not all of them are watched */
    struct writing *writing; /* all that are open */
    bool written;            /* a Lua file was, since the last reported change */
    uint64_t insist_ms;      /* from when on open files are read as they are; UINT64_MAX: not set */
    uint64_t look_ms;        /* when to check where the path leads; UINT64_MAX: never */
    struct settle settle;
    struct followed followed;
};

static uint64_t now_ms(void)
{
    return clock_now_ns() / 1000000;
}

/* ---- files that are being written ---- */

static const char *name_of(const struct inotify_event *event)
{
    return event->len == 0 ? "" : event->name;
}

static struct writing **find_writing(struct watch *watch, int directory, const char *name)
{
    struct writing **at = &watch->writing;
    while (*at != NULL && ((*at)->directory != directory || strcmp((*at)->name, name) != 0))
        at = &(*at)->next;
    return at;
}

static void end_writing(struct writing **at)
{
    struct writing *writing = *at;
    if (writing == NULL) return;
    *at = writing->next;
    free(writing);
}

static void end_all_writing(struct watch *watch)
{
    while (watch->writing != NULL) end_writing(&watch->writing);
}

/* If there is no memory for it, the file's close is not waited for. */
static void begin_writing(struct watch *watch, int directory, const char *name, bool created)
{
    struct writing *known = *find_writing(watch, directory, name);
    if (known != NULL) {
        known->created = known->created && created;
        return;
    }
    size_t size = strlen(name) + 1;
    struct writing *writing = calloc(1, sizeof *writing + size);
    if (writing == NULL) return;
    writing->next = watch->writing;
    writing->directory = directory;
    writing->created = created;
    memcpy(writing->name, name, size);
    watch->writing = writing;
}

/* A read lease is refused while the file is open for writing anywhere. File systems without leases cannot tell. */
static bool is_open_to_write(const char *path)
{
    int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return false;
    fcntl(file, F_SETSIG, SIGURG); /* an open at this moment must not kill the process with SIGIO */
    bool is_open = fcntl(file, F_SETLEASE, F_RDLCK) != 0 && errno == EAGAIN;
    close(file);
    return is_open;
}

/* A file that was just created is empty until something is written. A new link to another file is complete, and
 * no close event follows. */
struct finding_empty {
    const char *name;
    bool found;
};

static bool find_empty(void *context, const char *path, const char *name, struct error *error)
{
    struct finding_empty *finding = context;
    struct stat status;
    const char *slash = strrchr(name, '/');
    (void)error;
    if (strcmp(slash == NULL ? name : slash + 1, finding->name) == 0 && lstat(path, &status) == 0)
        finding->found |= S_ISREG(status.st_mode) && status.st_size == 0 && status.st_nlink == 1;
    return true;
}

static bool is_empty(const struct watch *watch, const struct writing *writing)
{
    struct finding_empty finding = {.name = writing->name};
    struct source_visitor visitor = {.context = &finding, .file = find_empty};
    struct error error;
    return source_walk(watch->directory, &visitor, &error) && finding.found;
}

static void forget_links(struct watch *watch)
{
    struct writing **at = &watch->writing;
    while (*at != NULL) {
        if ((*at)->created && !is_empty(watch, *at))
            end_writing(at);
        else
            at = &(*at)->next;
    }
}

/* Does a write to the file of this event count? An event without a name is about the target of a link. */
static bool is_watched(const struct watch *watch, const struct inotify_event *event)
{
    if (event->len == 0 || source_has_name(event->name)) return true;
    return event->name[0] != '.' && followed_knows(&watch->followed, event->wd);
}

/* Notes what one event says about files being written. An editor that renames over a file has already written all
 * of it. */
static void note_writing(struct watch *watch, const struct inotify_event *event)
{
    if ((event->mask & IN_Q_OVERFLOW) != 0)
        end_all_writing(watch); /* their close may be among the lost events */
    else if ((event->mask & (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | REPLACED |
                             IN_IGNORED)) != 0)
        end_writing(find_writing(watch, event->wd, name_of(event)));
    else if ((event->mask & (IN_MODIFY | IN_CREATE)) != 0 && (event->mask & IN_ISDIR) == 0 &&
             is_watched(watch, event))
        begin_writing(watch, event->wd, name_of(event), (event->mask & IN_CREATE) != 0);
}

/* ---- what is watched ---- */

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_SYSTEM, "no memory to watch for changes");
}

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

/* Called before the directory is listed, so a file made after that is in the list or reported as an event. */
static bool add_directory(void *context, const char *path, struct error *error)
{
    struct watch *watch = context;
    int added = inotify_add_watch(watch->changes, path, WRITTEN | RENAMED | IN_ONLYDIR);
    if (added >= 0) {
        size_t above = strlen(watch->directory);
        if (path[above] == '\0')
            watch->first = added;
        else if (followed_has(&watch->followed, path + above + 1))
            return followed_note(&watch->followed, added) || no_memory(error);
        return true;
    }
    if (errno == EACCES || errno == ENOENT || errno == ENOTDIR)
        return true; /* source_walk ignores these, too */
    return refused(path, error);
}

/* The target of a link may be in a directory that is not watched: so the target is watched. */
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

/* A file may have been opened before it was watched; its close will be reported. */
static bool note_open(void *context, const char *path, const char *name, struct error *error)
{
    struct watch *watch = context;
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    (void)name;
    (void)error;
    if (!is_open_to_write(path)) return true;
    snprintf(directory, sizeof directory, "%.*s", (int)(slash - path), path);
    int known = inotify_add_watch(watch->changes, directory, WRITTEN | RENAMED | IN_ONLYDIR);
    begin_writing(watch, known, slash + 1, false);
    settle_note(&watch->settle, now_ms());
    return true;
}

static void find_open(struct watch *watch)
{
    struct source_visitor visitor = {.context = watch, .file = note_open};
    struct error error;
    source_walk(watch->directory, &visitor, &error);
}

/* Does the event count as a change? A name that is not a Lua file's may be a link to Lua files. */
static bool counts(const struct watch *watch, const struct inotify_event *event)
{
    if ((event->mask & (RENAMED | REPLACED | IN_Q_OVERFLOW)) != 0) return true;
    return (event->mask & WRITTEN) != 0 && is_watched(watch, event);
}

/* Are there unread events that count? Which of an old watch's directories were followed is not known any more. */
static bool has_unread(const struct watch *watch, int changes)
{
    alignas(struct inotify_event) char events[EVENTS_SIZE];
    const struct inotify_event *event;
    ssize_t size;
    while ((size = read(changes, events, sizeof events)) > 0)
        for (ssize_t at = 0; at < size; at += (ssize_t)(sizeof *event + event->len)) {
            event = (const struct inotify_event *)(events + at);
            if (counts(watch, event) || watch->followed.count != 0) return true;
        }
    return false;
}

/* Starts a new watch of everything there is now. The old watch is closed last, so that one of the two sees what
 * happens meanwhile. */
static bool add_anew(struct watch *watch, struct error *error)
{
    struct stat status;
    int changes = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (changes < 0) return refused(watch->directory, error);
    int before = watch->changes;
    watch->changes = changes;
    watch->first = -1;
    end_all_writing(watch); /* they have the old watch's numbers */
    followed_forget(&watch->followed);
    /* Done before the watch is added: if the path leads elsewhere in between, the next look sees it. */
    bool known = before >= 0;
    if (stat(watch->directory, &status) == 0) {
        known = known && watch->device == status.st_dev && watch->inode == status.st_ino;
        watch->device = status.st_dev;
        watch->inode = status.st_ino;
    }
    bool fine = add_all(watch, error);
    if (known && has_unread(watch, before)) {
        known = false;
        settle_note(&watch->settle, now_ms());
    }
    if (before >= 0) close(before);
    if (fine && !known) find_open(watch);
    return fine;
}

/* While waiting there is no caller to give an error to, so it is logged once: some changes are not seen then. */
static void note_trouble(struct watch *watch, bool fine, const struct error *error)
{
    if (!fine && !watch->warned) log_line(LOG_WARN, "%s", error->text);
    watch->warned = !fine;
}

/* No event says that the path leads elsewhere: hence a look once a second, and after changes. */
static void look(struct watch *watch, uint64_t now)
{
    struct stat status;
    struct error error;
    watch->look_ms = now + LOOK_MS;
    if (stat(watch->directory, &status) != 0) { /* reported when it is there again */
        watch->first = -1;
        return;
    }
    bool same = watch->device == status.st_dev && watch->inode == status.st_ino;
    bool moved = watch->first < 0 || !same;
    /* A new watch would forget the files whose close is waited for. */
    if (!moved && (!watch->stale || watch->writing != NULL)) return;
    note_trouble(watch, add_anew(watch, &error), &error);
    watch->stale = false;
    if (moved && watch->first >= 0) settle_note(&watch->settle, now);
}

/* ---- what has happened ---- */

/* Reads events. False: there are no more for now. */
static bool read_events(struct watch *watch, uint64_t now)
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
        note_writing(watch, event);
        if (!counts(watch, event)) continue;
        changed = true;
        if ((event->mask & (WRITTEN | IN_Q_OVERFLOW)) != 0) watch->written = true;
    }
    struct error error;
    if (arrived) {
        note_trouble(watch, add_all(watch, &error), &error);
        find_open(watch);
    }
    if (changed) settle_note(&watch->settle, now);
    return size > 0;
}

static bool take_wake(struct watch *watch)
{
    uint64_t times;
    return read(watch->wake, &times, sizeof times) == sizeof times;
}

/* True if a burst is over. */
static bool has_settled(struct watch *watch, uint64_t now)
{
    if (!settle_is_due(&watch->settle, now)) return false;
    forget_links(watch);
    read_events(watch, now); /* one of those files may have just been written to */
    look(watch, now);
    const struct writing *writing = watch->writing;
    if (!settle_over(&watch->settle, now, writing != NULL)) return false;
    if (writing != NULL) {
        watch->insist_ms = now;
        log_line(LOG_WARN,
                 "%s has been open for writing for %d s since the last change: it is read as it is",
                 writing->name[0] == '\0' ? "a file" : writing->name, SETTLE_OPEN_MS / 1000);
    }
    end_all_writing(watch);
    watch->written = false;
    return true;
}

enum watch_event watch_wait(struct watch *watch, uint64_t patience_ms)
{
    uint64_t late_ms = settle_after_ms(now_ms(), patience_ms);
    for (bool looked = false;; looked = true) {
        if (take_wake(watch)) return WATCH_WOKEN;
        uint64_t now = now_ms();
        if (has_settled(watch, now)) return WATCH_CHANGED;
        if (looked && now >= late_ms) return WATCH_LATE;
        if (now >= watch->look_ms) look(watch, now);
        struct pollfd ready[] = {{.fd = watch->wake, .events = POLLIN},
                                 {.fd = watch->changes, .events = POLLIN}};
        uint64_t patience =
            settle_wait_ms(&watch->settle, now, settle_earlier(watch->look_ms, late_ms));
        poll(ready, 2, patience > INT32_MAX ? -1 : (int)patience);
        if (ready[1].revents != 0) read_events(watch, now_ms());
    }
}

bool watch_saw_writing(struct watch *watch)
{
    uint64_t now = now_ms();
    while (read_events(watch, now)) continue;
    forget_links(watch);
    if ((!watch->written && watch->writing == NULL) || now >= watch->insist_ms) {
        watch->insist_ms = UINT64_MAX;
        return false;
    }
    if (watch->insist_ms == UINT64_MAX) watch->insist_ms = now + SETTLE_OPEN_LATEST_MS;
    return true;
}

bool watch_follow(struct watch *watch, const char *below, struct error *error)
{
    if (!followed_add(&watch->followed, below)) return no_memory(error);
    return watch->directory == NULL || add_all(watch, error);
}

void watch_wake(struct watch *watch)
{
    const uint64_t one = 1;
    int kept = errno;
    ssize_t written = write(watch->wake, &one, sizeof one);
    check(written == sizeof one || errno == EAGAIN); /* the counter is full: it wakes anyway */
    errno = kept;
}

/* ---- opening and closing ---- */

struct watch *watch_open(const char *directory, struct error *error)
{
    struct watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL) goto no_memory;
    watch->changes = watch->first = -1;
    watch->look_ms = watch->insist_ms = UINT64_MAX;
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
    no_memory(error);
failed:
    if (watch != NULL) watch_close(watch);
    return NULL;
}

void watch_close(struct watch *watch)
{
    if (watch->changes >= 0) close(watch->changes);
    if (watch->wake >= 0) close(watch->wake);
    end_all_writing(watch);
    followed_close(&watch->followed);
    free(watch->directory);
    free(watch);
}
