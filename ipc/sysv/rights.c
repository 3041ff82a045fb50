// # Permissions: bits like a file's, asked each time
//
// Each object has nine bits, an owner and a group, as a file has: r to receive,
// to attach and to look (IPC_STAT), w to send and to change. Three things are
// different:
//
// - A file is checked when it is opened, and the descriptor is the proof from
//   then on. There is nothing to open here: the kernel checks each call. (Of
//   memory only shmat() is a call. What is attached is used without the kernel,
//   and stays.)
// - Besides the owner there is the creator. The owner can be changed (IPC_SET),
//   the creator cannot, and both have the owner's rights.
// - To change the bits or to remove the object takes no bit: one must be owner
//   or creator. So a forbidden object is never lost, its owner can allow it.
//
// CAP_IPC_OWNER passes the bits. Root has it, as a rule; so a child that gives
// up its capabilities shows what the bits say.

#define _GNU_SOURCE
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab.h"
#include "privilege.h"
#include "sysv.h"

// IPC_SET sets owner, group, bits and room, all at once.
static int set_owner_and_mode(int queue, uid_t owner, int mode)
{
	struct msqid_ds facts = { .msg_qbytes = TEXT };

	facts.msg_perm.uid = owner;
	facts.msg_perm.gid = getegid();
	facts.msg_perm.mode = mode;
	return FAILURE(msgctl(queue, IPC_SET, &facts));
}

static int set_mode(int queue, int mode)
{
	return set_owner_and_mode(queue, geteuid(), mode);
}

static int send_one(int queue)
{
	return send_text(queue, 1, "x", IPC_NOWAIT);
}

static int receive(int queue)
{
	struct letter got;

	return FAILURE(msgrcv(queue, &got, TEXT, 0, IPC_NOWAIT));
}

// ## Refused to its own owner
//
// To compare, a file and memory: open or attach it, take all its bits away, and
// write.

static void take_bits_too_late(void)
{
	int file = must(memfd_create("file", MFD_CLOEXEC));
	int memory = make_memory(1, 0600, NULL);
	char *attached = must(shmat(memory, NULL, 0));
	struct shmid_ds facts;

	must(fchmod(file, 0));
	ssize_t written = must(write(file, "x", 1));
	claim(written == 1,
	      "an open file is written to: bits 000 come too late");

	must(shmctl(memory, IPC_STAT, &facts));
	facts.shm_perm.mode = 0;
	must(shmctl(memory, IPC_SET, &facts));
	int error = shmat(memory, NULL, 0) == (void *)-1 ? errno : 0;
	*attached = 'x';
	claim(*attached == 'x' && error == EACCES,
	      "so is attached memory; a new shmat gets EACCES");
}

static void be_the_owner(int queue)
{
	struct msqid_ds facts;

	give_up_capabilities();
	take_bits_too_late();
	must_zero(set_mode(queue, 0200));
	int sent = send_one(queue), got = receive(queue);
	claim(sent == 0 && got == EACCES,
	      "a queue, bits 200: its owner sends, and may not receive");
	must_zero(set_mode(queue, 0400));
	sent = send_one(queue);
	got = receive(queue);
	claim(sent == EACCES && got == 0,
	      "bits 400, in the next moment: the other way round");
	must_zero(set_mode(queue, 0));
	int looked = FAILURE(msgctl(queue, IPC_STAT, &facts));
	int error = set_mode(queue, 0600);
	claim(looked == EACCES && error == 0,
	      "bits 000: no look at it, and still its owner's to change");
	_exit(0);
}

// ## Refused to another user
//
// A child becomes somebody else, which takes CAP_SETUID and CAP_SETGID. It takes
// PR_SET_PDEATHSIG away, too (prctl(2)), so the child asks for it again.

// "nobody", as a rule.
static uid_t stranger(void)
{
	return geteuid() == 65534 ? 65533 : 65534;
}

static bool become_stranger(void)
{
	uid_t id = stranger();

	if (setgroups(0, NULL) == -1 || setresgid(id, id, id) == -1 ||
	    setresuid(id, id, id) == -1)
		return false;
	must(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
	return true;
}

static void be_a_stranger(int queue, key_t key)
{
	if (!become_stranger()) {
		say("only root can become another user here, to be refused");
		_exit(0);
	}
	int found = FAILURE(msgget(key, 0600)), sent = send_one(queue);
	int removed = FAILURE(msgctl(queue, IPC_RMID, NULL));
	say("user %u: msgget and msgsnd: %s", geteuid(), strerror(found));
	claim(found == EACCES && sent == EACCES,
	      "bits 600: another user gets EACCES, key or identifier");
	claim(removed == EPERM, "to remove it is for owner and creator: EPERM");
	_exit(0);
}

static void be_the_new_owner(int queue)
{
	if (!become_stranger())
		_exit(0);
	int sent = send_one(queue);
	claim(sent == 0, "the new owner, user %u, may send", geteuid());
	_exit(0);
}

static void give_away(int queue)
{
	struct msqid_ds facts;

	if (set_owner_and_mode(queue, stranger(), 0600) != 0) {
		say("there is no other user here to give it to");
		return;
	}
	must(msgctl(queue, IPC_STAT, &facts));
	say("given away: owner %u, creator %u, and I am %u", facts.msg_perm.uid,
	    facts.msg_perm.cuid, geteuid());
	claim(facts.msg_perm.uid == stranger() &&
		      facts.msg_perm.cuid == geteuid(),
	      "the creator may give it away and stays the creator");
	pid_t owner = fork_as("owner");
	if (owner == 0)
		be_the_new_owner(queue);
	reap(owner);
}

void permissions(void)
{
	key_t key;
	int queue = make_queue(0600, &key);

	pid_t owner = fork_as("owner");
	if (owner == 0)
		be_the_owner(queue);
	reap(owner);
	pid_t child = fork_as("stranger");
	if (child == 0)
		be_a_stranger(queue, key);
	reap(child);
	give_away(queue);

	must_zero(set_mode(queue, 0));
	int error = send_one(queue);
	bool passes = has_capability(CAP_IPC_OWNER);
	say("bits 000; user %u %s CAP_IPC_OWNER: %s", geteuid(),
	    passes ? "with" : "without", error ? "refused" : "allowed");
	claim(error == EACCES || (error == 0 && passes),
	      "nobody without CAP_IPC_OWNER passes the bits");
	error = FAILURE(msgctl(queue, IPC_RMID, NULL));
	claim(error == 0, "its creator may remove it, whatever the bits");
}
