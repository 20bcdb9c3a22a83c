/* tls_run.h - the server's end of TLS: OpenSSL, whose random bytes are drawn from the seed, as the time is. Certificates are
 * made once for all runs. In a program without OpenSSL (tls_none.c) no run has any of it. */
#ifndef MOONPORT_SIM_TLS_RUN_H
#define MOONPORT_SIM_TLS_RUN_H

#include "memory.h"

#include "config.h"
#include "draw.h"
#include "stream/tls.h"

enum { TLS_CHANGES_MAX = 200, TLS_SESSIONS_MAX = 8 };

struct tls_run {
    bool is_on;            /* some listeners speak it */
    uint16_t changes_rate; /* how often, in a thousand steps, another certificate is shown */
    struct draw draw;
    struct tls_source source;
    uint8_t shown[TLS_CHANGES_MAX];                    /* which certificates, one after the other */
    uint32_t changes;                                  /* the last of them */
    struct ssl_session_st *sessions[TLS_SESSIONS_MAX]; /* that clients have kept */
    uint32_t session_count;
    int64_t live_before; /* allocations of OpenSSL's */
};

/* Once, before anything is allocated by others. False: this program has no TLS. */
bool tls_run_prepare(void);

/* Before a run: perhaps some of its listeners speak TLS. */
void tls_run_begin(struct tls_run *run, uint64_t seed, struct config *config);
void tls_run_end(struct tls_run *run);

/* Another certificate is shown from now on. */
void tls_run_change(struct tls_run *run);

/* Is it the one of listeners that speak TLS? */
static inline bool tls_run_owns(const struct tls_run *run, const struct filter_source *filter)
{
    return run->is_on && filter == &run->source.filters;
}

#endif
