// # Paths and abstract names
//
// To be found, an AF_UNIX socket gets a name. A path is a file of type socket:
// it has permissions, and it stays when the socket is gone. An abstract name
// begins with a zero byte (shown as @), is in no folder, and is gone with the
// last descriptor of its socket.
//
//                        path                   abstract name
//     lives in           the file system        the network namespace
//     ends with          unlink(2)              the last descriptor
//     who may connect    who may write the file everybody who sees it
//     who may take it    who may write the      everybody, first come
//                        folder
//
// The last two lines are the trap. Whoever listens under an abstract name must
// ask who has come (SO_PEERCRED), and whoever connects, whom it has reached.
//
// Sources: unix(7), "Pathname sockets", "Abstract sockets"; network_namespaces(7).

#define _GNU_SOURCE
#include "socket.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "privilege.h"

static struct echo_address path_address(const char *path)
{
	struct echo_address address = { .bytes = sizeof address.un };

	address.un.sun_family = AF_UNIX;
	snprintf(address.un.sun_path, sizeof address.un.sun_path, "%s", path);
	return address;
}

static int new_socket(void)
{
	return must(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

// 0 or an errno.
static int try_bind(int fd, const struct echo_address *address)
{
	return error_of(bind(fd, &address->any, address->bytes));
}

static int try_connect(const struct echo_address *address)
{
	int fd = new_socket();
	int error = error_of(connect(fd, &address->any, address->bytes));

	must(close(fd));
	return error;
}

// ## What stays
//
// After a crash the path is still there, and the next start fails with
// EADDRINUSE although nobody listens. SO_REUSEADDR does not help here (it is for
// ports). A server unlinks its path when it ends, and has to decide what to do
// with one that it finds.

void show_names(void)
{
	const char *path = fresh_path();
	struct echo_address file = path_address(path), name;
	struct stat stat;
	char text[ECHO_TEXT];

	int fd = new_socket();
	must_zero(try_bind(fd, &file));
	must(listen(fd, 1));
	must(close(fd));
	must(lstat(path, &stat));
	say("a server has bound a path, listened, and ended");
	claim(S_ISSOCK(stat.st_mode),
	      "the socket is closed, and its path is still there");
	claim(try_connect(&file) == ECONNREFUSED,
	      "nobody is behind it: connect is refused (ECONNREFUSED)");
	fd = new_socket();
	claim(try_bind(fd, &file) == EADDRINUSE,
	      "and yet nobody else can have it (EADDRINUSE)");
	must(unlink(path));
	claim(try_bind(fd, &file) == 0, "until it is unlinked");
	must(unlink(path));

	int listener = listen_on("unix:@", 1, &name);
	say("bind without a name got the abstract %s",
	    echo_address_text(&name, text));
	fd = new_socket();
	claim(try_connect(&name) == 0 && try_bind(fd, &name) == EADDRINUSE,
	      "an abstract name is found, and taken, like a path");
	must(close(listener));
	claim(try_connect(&name) == ECONNREFUSED && try_bind(fd, &name) == 0,
	      "with the last descriptor it is gone, and free at once");
}

// ## Who may connect
//
// connect(2) to a path needs write permission on the socket file (and search
// permission on the folders). We own the file, so we take our own permission
// away and give up what root may do besides (CAP_DAC_OVERRIDE). The abstract
// name asks for nothing.

void show_permission(void)
{
	const char *path = fresh_path();
	struct echo_address file = path_address(path), name;
	int fd = new_socket();

	must_zero(try_bind(fd, &file));
	must(listen(fd, 4));
	listen_on("unix:@", 4, &name);
	must(chmod(path, 0));
	pid_t client = fork_as("client");
	if (client == 0) {
		give_up_capabilities();
		int error = try_connect(&file);
		say("connecting to a path of mode 0: %s", strerror(error));
		claim(error == EACCES, "a path may be closed to somebody");
		must(chmod(path, 0200));
		claim(try_connect(&file) == 0,
		      "write permission is what connect needs");
		claim(try_connect(&name) == 0,
		      "an abstract name is open to everybody");
		_exit(0);
	}
	reap(client);
}

// ## As far as the network
//
// Abstract names belong to the network namespace, though they have nothing to do
// with a network: containers that share the host's network can reach each
// other's. A path goes as far as the file system: mounted into a container, it
// is a door in its wall.

void show_namespace(void)
{
	const char *path = fresh_path();
	struct echo_address file = path_address(path), name;
	int fd = new_socket();

	must_zero(try_bind(fd, &file));
	must(listen(fd, 4));
	listen_on("unix:@", 4, &name);
	pid_t client = fork_as("client");
	if (client == 0) {
		enter_own_namespaces(CLONE_NEWNET);
		say("I am in a network namespace of my own");
		claim(try_connect(&name) == ECONNREFUSED,
		      "the abstract name is not known here (ECONNREFUSED)");
		claim(try_connect(&file) == 0,
		      "the path is, and leads to the server outside");
		_exit(0);
	}
	reap(client);
}
