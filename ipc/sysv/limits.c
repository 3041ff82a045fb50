// # Limits
//
//     /proc/sys/kernel/msgmax  bytes of a message              EINVAL
//                      msgmnb  bytes of a queue, at first      waits, EAGAIN
//                      msgmni  queues                          ENOSPC
//                      shmmax  bytes of a segment              EINVAL
//                      shmall  pages of all segments           ENOSPC
//                      shmmni  segments                        ENOSPC
//                      sem     four numbers:
//                       SEMMSL semaphores of a set             EINVAL
//                       SEMMNS semaphores of all sets          ENOSPC
//                       SEMOPM operations of one semop         E2BIG
//                       SEMMNI sets                            ENOSPC
//
// They belong to the IPC namespace. Only in the kernel's source: SEMVMX, 32767,
// the largest value of a semaphore (ERANGE). How many segments there may be,
// the scene `namespace` shows.
//
// Since Linux 3.16 shmmax and shmall are as good as none: memory is limited by
// memory, and by cgroups.

#define _GNU_SOURCE
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "lab.h"
#include "options.h"
#include "privilege.h"
#include "sysv.h"

enum { SEMVMX_LINUX = 32767, MOST_TO_ASK = 1 << 24 };

// ## Messages
//
// A queue has room for msgmnb bytes, whatever their number. Its owner may lower
// that (IPC_SET, msg_qbytes); to raise it above msgmnb takes CAP_SYS_RESOURCE,
// which root may lack. A child gives up all its capabilities and asks.

static int set_room(int queue, unsigned long bytes)
{
	struct msqid_ds facts;

	must(msgctl(queue, IPC_STAT, &facts));
	facts.msg_qbytes = bytes;
	return FAILURE(msgctl(queue, IPC_SET, &facts));
}

static void raise_without_capabilities(int queue, unsigned long bytes)
{
	give_up_capabilities();
	claim(set_room(queue, bytes) == 0 &&
		      set_room(queue, bytes + 1) == EPERM,
	      "above msgmnb its owner needs CAP_SYS_RESOURCE (EPERM)");
	_exit(0);
}

static int send_bytes(int queue, size_t bytes)
{
	struct msgbuf *large = must_ptr(calloc(1, sizeof(long) + bytes));

	large->mtype = 1;
	int error = FAILURE(msgsnd(queue, large, bytes, IPC_NOWAIT));
	free(large);
	return error;
}

static void messages(void)
{
	unsigned long long largest = kernel_number("msgmax"),
			   room = kernel_number("msgmnb");
	int queue = make_queue(0600, NULL);
	struct msqid_ds facts;

	say("msgmax %llu, msgmnb %llu, msgmni %llu", largest, room,
	    kernel_number("msgmni"));
	if (largest < MOST_TO_ASK)
		claim(send_bytes(queue, largest + 1) == EINVAL,
		      "a message above msgmax: EINVAL");
	must(msgctl(queue, IPC_STAT, &facts));
	claim(facts.msg_qbytes == room, "a new queue has room for msgmnb");
	must_zero(set_room(queue, 10));
	must_zero(send_text(queue, 1, "123456789", 0));
	int fits = send_text(queue, 1, "0", IPC_NOWAIT);
	int full = send_text(queue, 1, "1", IPC_NOWAIT);
	claim(fits == 0 && full == EAGAIN,
	      "lowered to 10, it is full with 9 + 1 bytes (EAGAIN)");
	pid_t child = fork_as("ordinary");
	if (child == 0)
		raise_without_capabilities(queue, room);
	reap(child);
}

// ## Memory

static void memory(void)
{
	unsigned long long most = kernel_number("shmmax");
	char text[HUMAN_BYTES];
	key_t key;
	int segment = make_memory(1, 0600, &key);
	struct shmid_ds facts;

	say("shmmax %s, shmmni %llu", human_size(text, most),
	    kernel_number("shmmni"));
	must(shmctl(segment, IPC_STAT, &facts));
	claim(facts.shm_segsz == 1 && FAILURE(shmget(key, 2, 0)) == EINVAL,
	      "a segment keeps its size: asked for more it says EINVAL");
	must(shmctl(segment, IPC_RMID, NULL));
	if (most < SIZE_MAX)
		claim(FAILURE(shmget(key, most + 1, IPC_CREAT | 0600)) ==
			      EINVAL,
		      "above shmmax no segment is made (EINVAL)");
}

// ## Semaphores

static int operate(int set, size_t n)
{
	struct sembuf *list = must_ptr(calloc(n, sizeof *list));

	for (size_t i = 0; i < n; i++)
		list[i].sem_op = 1;
	int error = FAILURE(semop(set, list, n));
	free(list);
	return error;
}

static void semaphores(void)
{
	enum { SEMMSL, SEMMNS, SEMOPM, SEMMNI };
	unsigned long long sem[4];
	key_t key;
	int set = make_set(1, 0600, &key);

	kernel_numbers("sem", sem, 4);
	say("SEMMSL %llu, SEMMNS %llu, SEMOPM %llu, SEMMNI %llu", sem[SEMMSL],
	    sem[SEMMNS], sem[SEMOPM], sem[SEMMNI]);
	if (sem[SEMOPM] < MOST_TO_ASK)
		claim(operate(set, sem[SEMOPM] + 1) == E2BIG &&
			      value_of(set, 0) == 0,
		      "more than SEMOPM operations: E2BIG, and none is done");
	must(semctl(set, 0, SETVAL, (union semun){ .val = SEMVMX_LINUX }));
	claim(operate(set, 1) == ERANGE && value_of(set, 0) == SEMVMX_LINUX,
	      "no semaphore counts above %d (ERANGE)", SEMVMX_LINUX);
	must(semctl(set, 0, IPC_RMID));
	if (sem[SEMMSL] < INT_MAX)
		claim(FAILURE(semget(key, (int)sem[SEMMSL] + 1,
				     IPC_CREAT | 0600)) == EINVAL,
		      "a set of more than SEMMSL semaphores: EINVAL");
}

void limits(void)
{
	messages();
	memory();
	semaphores();
}
