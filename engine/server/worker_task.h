/* worker_task.h - a task that an outside thread has every worker run once, and waits for.
 *
 * The task is reference-counted: the waiting thread and one letter per worker hold it, because a worker
 * may be stuck or end, and the waiting thread may give up. The last holder calls the task's release
 * function. */
#ifndef MOONPORT_WORKER_TASK_H
#define MOONPORT_WORKER_TASK_H

#include "server/worker.h"

struct worker_task;

/* Makes a task for workers 0 to count - 1, held by the caller and once per worker. NULL: no memory. */
struct worker_task *worker_task_make(const struct server_task *what, uint32_t count);

/* For each worker, exactly one of these two must be called, once. */
void worker_task_post(struct worker_task *task, struct worker *worker);
void worker_task_skip(struct worker_task *task); /* one worker will not run it */

/* Waits until each part was run or skipped, or patience_ns has passed. True if all were run. ran: is
 * filled with which of them were, unless NULL. Drops the caller's reference to the task. */
bool worker_task_await(struct worker_task *task, uint64_t patience_ns, bool *ran);

#endif
