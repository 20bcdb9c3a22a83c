#include "link/link.h"

#include <stdarg.h>

const char *link_format_peer(const struct link *link, char *text)
{
    struct address peer;
    address_unpack(&link->peer, &peer);
    return address_format(&peer, text);
}

static void tell(struct wheel_timer *timer)
{
    struct link_home *home = container_of(timer, struct link_home, log_timer);
    uint64_t next_ns = log_limit_tell(&home->log_limit, port_now(home->streams.port));
    if (next_ns != UINT64_MAX) wheel_start(&home->wheel, timer, next_ns);
}

void link_home_log_open(struct link_home *home)
{
    wheel_timer_init(&home->log_timer, tell);
}

void link_home_log_close(struct link_home *home)
{
    wheel_stop(&home->wheel, &home->log_timer);
    log_limit_tell_all(&home->log_limit);
}

bool link_home_may_log(struct link_home *home, enum log_level level, uint64_t place, uint64_t shape,
                       struct span text)
{
    uint64_t now_ns = port_now(home->streams.port);
    if (!log_wants(level)) return false;
    if (log_limit_allows(&home->log_limit, level, place, shape, text, now_ns)) return true;
    if (!wheel_timer_runs(&home->log_timer))
        wheel_start(&home->wheel, &home->log_timer, log_limit_tell(&home->log_limit, now_ns));
    return false;
}

/* Lines are limited by format, not by text: the peer may control the arguments. */
void link_log(struct link *link, enum log_level level, const char *format, ...)
{
    char text[1024], peer[ADDRESS_TEXT_MAX];
    va_list arguments;
    if (!log_wants(level)) return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!link_home_may_log(link->home, level, (uintptr_t)format, 0, span_text(text))) return;
    log_line(level, "connection %llu from %s: %s", (unsigned long long)link->entry.id,
             link_format_peer(link, peer), text);
}

void link_note(struct link *link, struct log_seldom *seldom, const char *format, ...)
{
    char text[1024], peer[ADDRESS_TEXT_MAX], more[48] = "";
    uint64_t held_back;
    va_list arguments;
    if (!log_wants(LOG_INFO) ||
        !log_seldom_allows(seldom, port_now(link->home->streams.port), &held_back))
        return;
    if (held_back > 0)
        snprintf(more, sizeof more, " (%llu like it not shown)", (unsigned long long)held_back);
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    log_line(LOG_INFO, "connection %llu from %s: %s%s", (unsigned long long)link->entry.id,
             link_format_peer(link, peer), text, more);
}
