// fiber_echo.h - the echo server of ipc/echo/ a fourth way: a fiber a client
//
// It promises what echo.h says that each way promises, and is judged by the same
// crowd. The code of a client reads like that of a process a client (receive,
// send, again), and runs like that of one thread.

#ifndef FIBER_ECHO_H
#define FIBER_ECHO_H

#include "ipc/echo/echo.h"
#include "threads/fiber/fiber.h"

// Serves until job->stop can be read; on the calling thread, which must not be a
// fiber. job->most_clients 0: FIBER_ECHO_MOST. `facts` as in fiber_setup. Returns
// 0, or -errno: what fiber_run says, or why it could not go on accepting.
enum { FIBER_ECHO_MOST = 20000 };
int fiber_echo_serve(const struct echo_job *job, enum fiber_backend backend,
		     struct fiber_facts *facts);

#endif
