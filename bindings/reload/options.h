/* options.h - all settings of the program: the engine's, and those of Lua, reloading and commands. */
#ifndef MOONPORT_OPTIONS_H
#define MOONPORT_OPTIONS_H

#include "config.h"
#include "jobs/jobs.h"

#define OPTIONS_ADMIN "127.0.0.1:7001" /* the default of `admin` */

enum options_reload { RELOAD_WATCH, RELOAD_SIGNAL };
enum options_on_error { ON_ERROR_CLOSE, ON_ERROR_KEEP };

/* The address on which admin commands are accepted. */
struct options_admin {
    struct address address;
    bool is_on;
    bool is_given; /* it was set explicitly */
};

struct options {
    struct config config;        /* first: the table of its settings is the base of this one */
    uint64_t handler_timeout_ns; /* a handler that runs for longer is interrupted; 0: never; 1 s */
    uint64_t slow_handler_ns;    /* a call that keeps its worker longer is logged; 0: none; 0.1 s */
    uint64_t lua_memory;         /* bytes of one worker's Lua state; 256M */
    uint64_t shared_memory;      /* bytes of server.shared; 64M */
    uint32_t jobs;               /* threads for server.job; 4 */
    uint32_t job_queue;          /* jobs that may wait for a thread; 1000 */
    uint64_t job_timeout_ns;     /* a job that runs for longer is interrupted; 0: never; 30 s */
    uint64_t probation_ns; /* new code that fails this soon is gone back from; 0: never; 10 s */
    uint8_t reload_tests;  /* 1: a reload runs the tests first; 0 */
    uint8_t on_error;      /* enum options_on_error; close */
    uint8_t sandbox;       /* 1: scripts cannot reach the system; 0 */
    uint8_t reload;        /* enum options_reload; watch */
    struct options_admin admin;
    char admin_token[65];  /* what admin commands must present; "": one is made */
    char admin_names[256]; /* further names under which it may be asked, with commas between them */
    uint32_t admin_mode;   /* of a unix socket's file; 0600 */
};

/* The settings of a struct options. */
extern const struct settings options_settings;

void options_init(struct options *options);

/* The limits of the pool of jobs. */
struct jobs_limits options_jobs(const struct options *options);

/* Completes and checks the options. Call it once, last. */
bool options_finish(struct options *options, struct error *error);

#endif
