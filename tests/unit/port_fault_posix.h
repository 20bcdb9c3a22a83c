/* port_fault_posix.h - the system's calls fail as they hardly ever do by themselves. The linker leads
 * those of the ports here first (premake5.lua); without a fault they go on to the system.
 *
 * Each test is a process of its own, so nothing has to be undone. Set faults before other threads run. */
#ifndef MOONPORT_PORT_FAULT_H
#define MOONPORT_PORT_FAULT_H

#include <stddef.h>
#include <stdint.h>

enum fault_call {
    FAULT_RECV,   /* recv: epoll alone */
    FAULT_SEND,   /* send, sendmsg; those of the tests' peers go through */
    FAULT_ACCEPT, /* accept4: epoll alone */
    FAULT_WAIT,   /* epoll_wait; io_uring_submit_and_wait, io_uring_submit_and_get_events */
    FAULT_SUBMIT, /* io_uring_submit */
    FAULT_CALLS
};

enum { FAULT_ANY = -1 }; /* whatever the handle is */

/* The next `times` of these calls on that handle fail with this errno, and do nothing. */
void fault_fail(enum fault_call call, intptr_t handle, int number, int times);

/* They take at most so many bytes. FAULT_SEND only. */
void fault_shorten(enum fault_call call, intptr_t handle, size_t size_max, int times);

/* How many of them are still to come. */
int fault_left(enum fault_call call);

/* io_uring: what is asked to complete again and again does so once from now on, and the kernel stops: there
 * is no IORING_CQE_F_MORE. */
void fault_stop_multishots(void);

/* io_uring: the next completion that is for this socket or acceptor has another result. What it brought, a
 * buffer that is still its own or a connection, stays with it or is closed. */
void fault_complete(const void *owner, int result);

#endif
