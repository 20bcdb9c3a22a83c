/* worker_task.h - what a thread from outside has every worker do, once each, and waits for.
 *
 * It is shared by the one who waits and by a letter for each worker, whatever becomes of them: a
 * worker may be stuck, or end, and the other may have lost its patience. Whoever lets go of it last
 * releases what the task is about. */
#ifndef MOONPORT_WORKER_TASK_H
#define MOONPORT_WORKER_TASK_H

#include "server/worker.h"

struct worker_task;

/* For workers 0 to count - 1; held by the caller and for each of them. NULL: no memory. */
struct worker_task *worker_task_make(const struct server_task *what, uint32_t count);

/* Each worker's part: exactly once for each of them one of these two. */
void worker_task_post(struct worker_task *task, struct worker *worker);
void worker_task_skip(struct worker_task *task); /* it will not be run there */

/* Waits until each was run or skipped, or until the patience is over. True if all were run. ran:
 * which of them were by then, or NULL. The caller lets go of the task. */
bool worker_task_await(struct worker_task *task, uint64_t patience_ns, bool *ran);

#endif
