#include "server.h"

#include "server/server_control.h"
#include "server/worker_task.h"

#include <string.h>

/* Bytes for groups, without their members: those count towards their workers' memory. */
static size_t groups_limit(const struct config *config)
{
    uint64_t limit = config->memory / 8;
    return limit < SIZE_MAX ? (size_t)limit : SIZE_MAX;
}

static bool await_start(struct server *server)
{
    pthread_mutex_lock(&server->mutex);
    while (!server->start_known) pthread_cond_wait(&server->changed, &server->mutex);
    bool failed = server->start_failed;
    pthread_mutex_unlock(&server->mutex);
    return !failed;
}

struct server *server_make(const struct config *config, const struct script *script,
                           struct error *error)
{
    struct server *server = calloc(1, sizeof *server);
    if (server == NULL) goto no_memory;
    server->config = *config;
    server->script = script;
    server->retry_ns = server->tell_ns = UINT64_MAX;
    for (uint32_t i = 0; i < CONFIG_LISTENERS_MAX; i++) server->listeners[i].acceptor.handle = -1;
    atomic_flag_clear(&server->drain_posted);
    atomic_flag_clear(&server->abort_posted);
    worker_gate_open(&server->gate);
    pthread_mutex_init(&server->mutex, NULL);
    server_init_orders(server);
    pthread_cond_init(&server->changed, NULL);
    group_registry_open(&server->groups, config->workers, groups_limit(config));
    server->workers = calloc(config->workers, sizeof *server->workers);
    server->team = calloc(config->workers, sizeof *server->team);
    if (server->workers != NULL && server->team != NULL) return server;
    server_free(server);

no_memory:
    error_set(error, ERROR_SYSTEM, "no memory for a server with %u workers", config->workers);
    return NULL;
}

void server_free(struct server *server)
{
    group_registry_close(&server->groups);
    worker_gate_close(&server->gate);
    pthread_cond_destroy(&server->changed);
    server_free_orders(server);
    pthread_mutex_destroy(&server->mutex);
    free(server->team);
    free(server->workers);
    free(server);
}

struct server *server_start(const struct config *config, const struct script *script,
                            struct error *error)
{
    struct server *server = server_make(config, script, error);
    if (server == NULL) return NULL;
    if (!port_choose(config->backend, &server->backend, server->backend_why,
                     sizeof server->backend_why)) {
        error_set(error, ERROR_SYSTEM, "backend: %s", server->backend_why);
        goto failed;
    }
    server_keep_pages(config->workers, config->max_packet, config->memory);
    if (pthread_create(&server->control, NULL, server_control_run, server) != 0) {
        error_set(error, ERROR_SYSTEM, "cannot make the control thread");
        goto failed;
    }
    if (await_start(server)) return server;
    pthread_join(server->control, NULL);
    *error = server->error;
failed:
    server_free(server);
    return NULL;
}

void server_drain(struct server *server)
{
    if (!atomic_flag_test_and_set(&server->drain_posted))
        port_post(server->port, &server->drain_mail);
}

void server_abort(struct server *server)
{
    if (!atomic_flag_test_and_set(&server->abort_posted))
        port_post(server->port, &server->abort_mail);
}

bool server_is_active(const struct server *server)
{
    return atomic_load(&server->active);
}

void server_stop(struct server *server)
{
    server_drain(server);
    pthread_join(server->control, NULL);
    port_close(server->port);
    server_free(server);
}

struct group *server_group(struct server *server, struct span name)
{
    return group_get(&server->groups, name);
}

bool server_run_on_workers(struct server *server, const struct server_task *task,
                           uint64_t patience_ns, bool *ran)
{
    uint32_t count = server->config.workers;
    struct worker_task *shared = worker_task_make(task, count);
    if (shared == NULL) {
        for (uint32_t i = 0; i < count && ran != NULL; i++) ran[i] = false;
        if (task->release != NULL) task->release(task->context);
        return false;
    }
    pthread_mutex_lock(&server->mutex); /* so that all workers get tasks in the same order */
    for (uint32_t i = 0; i < count; i++) {
        if (server->workers_open && (task->only == NULL || task->only[i]))
            worker_task_post(shared, &server->workers[i]);
        else
            worker_task_skip(shared);
    }
    pthread_mutex_unlock(&server->mutex);
    return worker_task_await(shared, patience_ns, ran);
}

enum server_worker_stage server_worker_stage(const struct server *server, uint32_t index)
{
    check(index < server->config.workers);
    const struct worker *worker = &server->workers[index];
    if (atomic_load_explicit(&worker->left, memory_order_relaxed)) return SERVER_WORKER_ENDED;
    bool stops = atomic_load_explicit(&worker->stops, memory_order_relaxed);
    return stops ? SERVER_WORKER_STOPS : SERVER_WORKER_SERVES;
}

bool server_worker_waits(const struct server *server, uint32_t index)
{
    check(index < server->config.workers);
    return counter_get(&server->workers[index].waits) != 0;
}

void server_announce(const struct server *server)
{
    log_line(LOG_INFO, "backend %s (%s)", port_backend_name(server->backend), server->backend_why);
    for (uint32_t i = 0; i < server->config.listener_count; i++)
        server_log_listener(server, i, "listening on");
}

const char *server_backend(const struct server *server)
{
    return server->port->operations->name;
}

const struct config *server_config(const struct server *server)
{
    return &server->config;
}
