// # What has to be remembered, and where it is
//
// One conversation, stopped at the same point in both servers: two of three
// numbers have come, and half of a line. Then we look into them as a debugger
// does, while they sleep. The kernel tells of a sleeping thread in which system
// call it is, where its stack pointer is and where it will go on
// (/proc/PID/task/TID/syscall, proc(5)), and process_vm_readv(2) reads its
// memory.
//
// The thread's memory of its client is scattered over its stack: the compiler
// chose the places. Where it is in the conversation is no variable at all, but
// the chain of return addresses: in recv, called by next_line, called by add_up,
// called by converse. The machine has a field for each.

#define _GNU_SOURCE
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lab.h"
#include "simpler.h"

static const char so_far[] = "hello ann\nsum 3\n1111111111\n2222222222\n33";
static const uint64_t total = UINT64_C(3333333333);

static bool peek(pid_t pid, uintptr_t address, void *bytes, size_t n)
{
	const struct iovec here = { bytes, n };
	const struct iovec there = { (void *)address, n };

	return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)n;
}

// ## The thread

struct sleeper {
	int tid;
	long number; // of the system call
	uintptr_t stack_pointer, end;
};

// The thread that is not the first one.
static int second_thread(pid_t pid)
{
	char path[64];
	int tid = -1;
	const struct dirent *entry;

	snprintf(path, sizeof path, "/proc/%d/task", pid);
	DIR *folder = must_ptr(opendir(path));
	while ((entry = readdir(folder)))
		if (atoi(entry->d_name) > 0 && atoi(entry->d_name) != pid)
			tid = atoi(entry->d_name);
	must(closedir(folder));
	return tid;
}

// The end of the mapping that the address lies in.
static uintptr_t end_of_mapping(pid_t pid, uintptr_t address)
{
	char path[64], line[512];
	uintptr_t begin = 0, end = 0;

	snprintf(path, sizeof path, "/proc/%d/maps", pid);
	FILE *file = must_ptr(fopen(path, "re"));
	while (fgets(line, sizeof line, file))
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &begin, &end) == 2 &&
		    address >= begin && address < end)
			break;
	must(fclose(file));
	return address >= begin && address < end ? end : 0;
}

static struct sleeper look_at_thread(pid_t pid, int tid)
{
	struct sleeper s = { .tid = tid };
	char path[64], line[256] = "";

	await_state(tid, 'S');
	snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", pid, tid);
	FILE *file = fopen(path, "re");
	bool told = file && fgets(line, sizeof line, file);
	if (file)
		must(fclose(file));
	if (!told)
		skip("a debugger's look at a child is forbidden here "
		     "(kernel.yama.ptrace_scope, or no CAP_SYS_PTRACE)");
	if (sscanf(line, "%ld %*s %*s %*s %*s %*s %*s %" SCNxPTR, &s.number,
		   &s.stack_pointer) != 2)
		skip("the kernel does not say where a thread sleeps: '%s'",
		     line);
	s.end = end_of_mapping(pid, s.stack_pointer);
	return s;
}

// How far above the stack pointer these bytes are found, or -1.
static long find_on_stack(pid_t pid, const struct sleeper *s, const void *what,
			  size_t bytes)
{
	size_t size = s->end - s->stack_pointer;
	char *stack = must_ptr(malloc(size));
	long at = -1;

	if (peek(pid, s->stack_pointer, stack, size)) {
		const char *found = memmem(stack, size, what, bytes);
		at = found ? found - stack : -1;
	}
	free(stack);
	return at;
}

// ## Both, side by side

struct row {
	const char *what;
	char thread[40], machine[40];
};

static void print_rows(const struct row *rows, size_t n)
{
	char *text;
	size_t bytes;
	FILE *out = must_ptr(open_memstream(&text, &bytes));

	fprintf(out, "%-14s %-32s %s\n", "", "on the thread's stack",
		"in the machine's struct");
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%-14s %-32s %s\n", rows[i].what, rows[i].thread,
			rows[i].machine);
	must(fclose(out));
	show_text(text);
	free(text);
}

enum { WHERE, WHO, TO_COME, TOTAL, HALF, ROWS };

static int stop_halfway(const struct running *r)
{
	char reply[REPLY];
	int fd = connect_to(r);

	send_text(fd, so_far);
	receive(fd, reply, strlen("hello ann\n"));
	await_read(fd);
	return fd;
}

static struct connection connection_in(const struct running *r)
{
	struct connection c = { 0 };

	await_state(r->pid, 'S');
	if (!peek(r->pid, (uintptr_t)r->server->inside, &c, sizeof c) ||
	    c.state > LEAVING)
		skip("a debugger's look at a child is forbidden here "
		     "(kernel.yama.ptrace_scope, or no CAP_SYS_PTRACE)");
	return c;
}

static void look_at_machine(const struct running *r, struct row *rows)
{
	struct connection c = connection_in(r);

	snprintf(rows[WHERE].machine, 40, "state = %s", state_names[c.state]);
	snprintf(rows[WHO].machine, 40, "name = \"%.20s\"", c.name);
	snprintf(rows[TO_COME].machine, 40, "left = %u", c.left);
	snprintf(rows[TOTAL].machine, 40, "total = %ju", (uintmax_t)c.total);
	snprintf(rows[HALF].machine, 40, "input = \"%.*s\"",
		 (int)(c.input.end - c.input.begin) % LINE,
		 c.input.bytes + c.input.begin % LINE);
	claim(c.state == NUMBER && c.left == 1 && c.total == total,
	      "the machine has it in a struct: NUMBER, 1 left, %ju",
	      (uintmax_t)total);
}

static void describe(char text[40], long at, const char *what)
{
	if (at < 0)
		snprintf(text, 40, "not on the stack");
	else
		snprintf(text, 40, "sp + 0x%03lx: %s", at, what);
}

static void look_at_stack(const struct running *r, struct row *rows)
{
	struct sleeper s = look_at_thread(r->pid, second_thread(r->pid));
	long at_name = find_on_stack(r->pid, &s, "ann", sizeof "ann");
	long at_total = find_on_stack(r->pid, &s, &total, sizeof total);

	say("asleep in system call %ld; %zu bytes of stack in use", s.number,
	    (size_t)(s.end - s.stack_pointer));
	snprintf(rows[WHERE].thread, 40, "return addresses");
	describe(rows[WHO].thread, at_name, "\"ann\"");
	snprintf(rows[TO_COME].thread, 40, "count, the loop's variable");
	describe(rows[TOTAL].thread, at_total, "3333333333");
	snprintf(rows[HALF].thread, 40, "input, of the same kind");
#ifdef OSLAB_SANITIZED
	say("a sanitizer may keep local variables elsewhere: no claim");
#else
	claim(at_name >= 0 && at_total >= 0,
	      "the name and the sum so far lie on its stack");
#endif
}

void scene_states(void)
{
	struct row rows[ROWS] = {
		[WHERE] = { .what = "how far" },
		[WHO] = { .what = "with whom" },
		[TO_COME] = { .what = "still to come" },
		[TOTAL] = { .what = "sum so far" },
		[HALF] = { .what = "half a line" },
	};
	struct running threads = start_server(&threads_way, 0);
	struct running machine = start_server(&machine_way, 0);
	int of_threads = stop_halfway(&threads);
	int of_machine = stop_halfway(&machine);

	look_at_stack(&threads, rows);
	look_at_machine(&machine, rows);
	print_rows(rows, ROWS);
	must(close(of_threads));
	must(close(of_machine));
	stop_server(&threads);
	stop_server(&machine);
}

// ## A mistake that only a machine can make
//
// It has sent an answer and asks epoll for the next request: that looks right,
// and is, as long as each request comes in a packet of its own. But epoll knows
// what is in the kernel, and the next request may be in the machine's own buffer
// already. Then both wait for ever. (`forgetful` makes machine.c do this; it is
// two lines.) A thread that wants a line looks into its buffer first: next_line
// is the only place there is to get one.

void scene_forgotten(void)
{
	static const char requests[] = "hello ann\nsum 1\n7\nbye\n";
	struct running r = start_server(&machine_way, 0);
	char reply[REPLY];

	r.server->forgetful = true;
	int fd = connect_to(&r);
	send_text(fd, requests);
	size_t n = receive(fd, reply, strlen("hello ann\n"));
	await_read(fd);
	struct connection c = connection_in(&r);
	size_t waiting = c.input.end - c.input.begin;
	say("the machine sleeps; in its own buffer are %zu bytes", waiting);
	claim(waiting == strlen("sum 1\n7\nbye\n") &&
		      recv(fd, reply, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN,
	      "it has read all requests, answered one, and asks for more");

	send_text(fd, "\n");
	n += receive(fd, reply + n, strlen("7\n"));
	claim(n == strlen("hello ann\n7\n"),
	      "another packet, whatever is in it, and it looks again");
	must(close(fd));
	await_open(&r, 0);
	stop_server(&r);
}
