// # Objects without processes, and who can see them
//
// A file descriptor is a process's own: when the process ends, the kernel
// closes it, and the last close frees the pipe or the socket. An identifier
// belongs to nobody. msgget() opens nothing, so nothing is counted (but for
// memory: nattch), and the kernel cannot tell an object that is waited for from
// one that was forgotten. So it keeps all of them, until somebody removes them
// or the machine goes down.

#define _GNU_SOURCE
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"
#include "sysv.h"

enum { BYTES = 4096, SEMAPHORES = 3 };

struct keys {
	key_t queue, memory, set;
};

// ## Made by one that is gone
//
// The maker leaves a message, a text in memory and a number in a semaphore, and
// ends. Who comes later finds them by their keys, and the kernel has noted who
// it was: lspid, the last sender; cpid, the creator; GETPID, the last to change
// a semaphore. Those numbers are of the past: the process is gone, and one day
// another will have its number.

static void leave_everything(int out)
{
	struct keys keys;
	struct sembuf up = { .sem_num = 1, .sem_op = 3 };

	int queue = make_queue(0600, &keys.queue);
	int memory = make_memory(BYTES, 0600, &keys.memory);
	int set = make_set(SEMAPHORES, 0600, &keys.set);
	char *text = must(shmat(memory, NULL, 0));

	must_zero(send_text(queue, 1, "hello", 0));
	snprintf(text, BYTES, "from the past");
	must(semop(set, &up, 1));
	must(write(out, &keys, sizeof keys));
	_exit(0);
}

void outliving(void)
{
	struct keys keys;
	struct msqid_ds queue;
	struct shmid_ds memory;
	int fd[2];

	need_memory_that_stays();
	must(pipe(fd));
	pid_t maker = fork_as("maker");
	if (maker == 0)
		leave_everything(fd[WRITE]);
	reap(maker);
	must(close(fd[WRITE]));
	ssize_t n = must(read(fd[READ], &keys, sizeof keys));
	if (n != (ssize_t)sizeof keys)
		die_at(__FILE__, __LINE__, "read(keys)", EIO);

	must(msgctl(must(msgget(keys.queue, 0)), IPC_STAT, &queue));
	say("the maker, %d, has ended; lspid %d, %lu message of %lu B", maker,
	    queue.msg_lspid, queue.msg_qnum, queue.__msg_cbytes);
	claim(queue.msg_qnum == 1 && queue.__msg_cbytes == 5 &&
		      queue.msg_lspid == maker,
	      "its message waits in the queue, and lspid says whose it is");

	int segment = must(shmget(keys.memory, 0, 0));
	must(shmctl(segment, IPC_STAT, &memory));
	claim(memory.shm_nattch == 0 && memory.shm_cpid == maker,
	      "nobody is attached to the memory (nattch 0): it stays");
	char *text = must(shmat(segment, NULL, SHM_RDONLY));
	say("attached it and read: \"%s\"", text);
	claim(!strcmp(text, "from the past"), "and its content with it");

	int set = must(semget(keys.set, 0, 0));
	claim(value_of(set, 1) == 3 && semctl(set, 1, GETPID) == maker,
	      "the semaphore keeps its value; GETPID names the dead");
}

// ## What ipcs shows
//
// The kernel lists all objects in three files, /proc/sysvipc/{msg,shm,sem}, and
// ipcs(1) prints these in other words. Here is each field found by its heading,
// and compared with what the object itself says (IPC_STAT). Who forgot objects
// finds them here, and removes them with ipcrm(1).

static FILE *open_list(const char *path)
{
	FILE *list = fopen(path, "re");

	if (list)
		return list;
	skip("no %s: mount /proc (mount -t proc proc /proc)", path);
}

// The field `name` of the object `id`, or -1: the lines have the headings'
// order, and an identifier stands second.
static long long field(const char *file, int id, const char *name)
{
	char path[64], heads[512], line[512], *save_head, *save;
	bool found = false;
	int listed;

	snprintf(path, sizeof path, "/proc/sysvipc/%s", file);
	FILE *list = open_list(path);
	must_ptr(fgets(heads, sizeof heads, list));
	while (!found && fgets(line, sizeof line, list))
		found = sscanf(line, "%*s %d", &listed) == 1 && listed == id;
	must(fclose(list));
	if (!found)
		return -1;
	char *head = strtok_r(heads, " \n", &save_head);
	char *word = strtok_r(line, " \n", &save);
	while (head && word && strcmp(head, name) != 0) {
		head = strtok_r(NULL, " \n", &save_head);
		word = strtok_r(NULL, " \n", &save);
	}
	if (!head || !word)
		return -1;
	return strtoll(word, NULL, strcmp(name, "perms") ? 10 : 8);
}

// Says a line with one blank between its words.
static void say_words(char *line)
{
	char text[512] = "", *save;
	size_t used = 0;

	for (char *word = strtok_r(line, " \n", &save); word;
	     word = strtok_r(NULL, " \n", &save))
		used += snprintf(text + used, sizeof text - used, " %s", word);
	say("ipcs:%s", text);
}

// Runs ipcs and says its headings and its lines about us; how many of the three
// keys it lists, or -1 if it does not run.
static int count_in_ipcs(const struct keys *keys)
{
	const key_t all[] = { keys->queue, keys->memory, keys->set };
	char line[512];
	int found = 0;

	FILE *ipcs = must_ptr(popen("ipcs -q -m -s 2>/dev/null", "re"));
	while (fgets(line, sizeof line, ipcs)) {
		unsigned key;
		bool ours = false;
		if (sscanf(line, "%x", &key) == 1)
			for (int i = 0; i < 3; i++)
				ours = ours || key == (unsigned)all[i];
		found += ours;
		if (ours || !strncmp(line, "key", 3))
			say_words(line);
	}
	int status = must(pclose(ipcs));
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? found : -1;
}

void listing(void)
{
	struct keys keys;
	struct msqid_ds facts;
	int queue = make_queue(0640, &keys.queue);
	int memory = make_memory(BYTES, 0600, &keys.memory);
	int set = make_set(SEMAPHORES, 0666, &keys.set);

	must_zero(send_text(queue, 1, "hello", 0));
	must(shmat(memory, NULL, 0));
	int listed = count_in_ipcs(&keys);
	if (listed == -1)
		say("ipcs does not run here (package util-linux)");
	else
		claim(listed == 3, "the program ipcs lists all three");

	must(msgctl(queue, IPC_STAT, &facts));
	claim(field("msg", queue, "key") == keys.queue &&
		      field("msg", queue, "cbytes") == 5 &&
		      field("msg", queue, "lspid") == facts.msg_lspid &&
		      field("msg", queue, "perms") == 0640 &&
		      field("msg", queue, "uid") == geteuid(),
	      "the list agrees with IPC_STAT: key, bytes, sender, bits, owner");
	claim(field("shm", memory, "nattch") == 1 &&
		      field("shm", memory, "size") == BYTES &&
		      field("sem", set, "nsems") == SEMAPHORES,
	      "memory has its size and users, a set its semaphores");

	must(msgctl(queue, IPC_RMID, NULL));
	claim(field("msg", queue, "key") == -1, "what is removed is unlisted");
}
