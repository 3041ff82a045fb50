// img mkfs: what goes wrong
//
// An image appears whole or not at all: after bad options, a full disk, kill -9, a
// tree that cannot be read. A tree that changes while it is read is forced by a
// tracer, which removes a file at the moment it is to be opened.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mkfs_parts.h"
#include "must.h"

// ## Options

START_TEST(bad_options)
{
	static const char *const options[][2] = {
		{ "", "want --size" },
		{ "--size=abc", "--size=abc" },
		{ "--size=100", "--size=100" },
		{ "--size=17T", "--size=17T" },
		{ "--size=1M --free=10%", "want one of them" },
		{ "--from=", "--from=" },
		{ "--from=. --free=91%", "--free=91%" },
		{ "--from=. --free=-1", "--free=-1" },
		{ "--from=. --free=%", "--free=%" },
		{ "--size=1M --block-size=8K", "--block-size=8K" },
		{ "--size=1M --block-size=3", "--block-size=3" },
		{ "--size=1M --inode-size=100", "--inode-size=100" },
		{ "--size=1M --inodes=0", "--inodes=0" },
		{ "--size=1M --inodes=x", "--inodes=x" },
		{ "--size=1M --inodes=9 --bytes-per-inode=4K",
		  "want one of them" },
		{ "--size=1M --bytes-per-inode=1", "--bytes-per-inode=1" },
		{ "--size=1M --label=seventeen_bytes_1", "at most 16" },
		{ "--size=1M --uuid=f81d4fae", "--uuid=f81d4fae" },
		{ "--size=1M --uuid=f81d4fae-7dec-11d0-a765-00a0c91e6bg6",
		  "want a UUID" },
		{ "--size=1M --uuid=f81d4fae-7dec-11d0-a765-00a0c91e6bf60",
		  "want a UUID" },
		{ "--size=8M --journal=1", "--journal=1" },
		{ "--size=8M --journal=1T", "--journal=1T" },
		{ "--size=8M --reserved=91%", "--reserved=91%" },
		{ "--size=8M --owner=", "--owner=" },
		{ "--size=8M --owner=nobody-is-called-this:0", "--owner=" },
		{ "--size=8M --one-file-system", "want --from" },
		{ "--size=8M --sparse", "want --from" },
		{ "--size=8M another", "Too many arguments" },
		{ "--size=8M --no-such", "--no-such" },
		{ "--size=8M --offset=1K --partition=1", "want one of them" },
	};

	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		struct outcome o = mkfs_shell("$IMG mkfs image %s",
					      options[i][0]);
		char *end = strchr(o.out, '\n');

		ck_assert_msg(o.exit == 2 && strstr(o.out, options[i][1]),
			      "`%s': exit %d: %s", options[i][0], o.exit,
			      o.out);
		// One line, or argp's two.
		ck_assert_msg(end && (!end[1] || strstr(end, "Try `")),
			      "`%s': %s", options[i][0], o.out);
		outcome_free(&o);
	}
	mkfs_expect_text(2, "IMAGE", "$IMG mkfs");
	mkfs_expect_text(2, "SOURCE_DATE_EPOCH=soon",
			 "SOURCE_DATE_EPOCH=soon $IMG mkfs image --size=1M");
	mkfs_expect(0, "[ ! -e image ]");
}
END_TEST

// ## Whole or not at all

START_TEST(replaces_only_when_forced)
{
	mkfs_expect(0,
		    "mkdir tree && echo precious >image && ln -s image link");
	mkfs_expect_text(1, "want --force", "$IMG mkfs image --size=1M");
	mkfs_expect_text(1, "want --force", "$IMG mkfs link --size=1M");
	mkfs_expect(0, "grep precious image");
	// And what fails replaces nothing.
	mkfs_expect(1, "$IMG mkfs image --force --from=nowhere");
	mkfs_expect(1, "$IMG mkfs image --force --size=16K --from=tree "
		       "--inodes=5000");
	mkfs_expect(0, "grep precious image");
	mkfs_expect(0, "$IMG mkfs link --force --size=1M && "
		       "[ -L link ] && ! grep precious image");
	mkfs_expect_text(1, "EISDIR", "$IMG mkfs tree --force --size=1M");
	mkfs_expect(1, "$IMG mkfs /dev/null --force --size=1M");
	mkfs_expect(1, "$IMG mkfs no/such/image --size=1M");
}
END_TEST

// A host that has no room: files of more than 2 MiB are refused.
START_TEST(host_is_full)
{
	mkfs_hard_tree("tree", 10);
	mkfs_expect(0, "echo precious >image");
	int names = mkfs_names();
	mkfs_expect_text(1, "EFBIG",
			 "ulimit -f 4096; trap '' XFSZ; "
			 "$IMG mkfs image --force --from=tree");
	mkfs_expect(0, "grep precious image");
	mkfs_expect_text(1, "EFBIG",
			 "ulimit -f 4096; trap '' XFSZ; "
			 "$IMG mkfs other --from=tree");
	ck_assert_int_eq(mkfs_names(), names);
}
END_TEST

START_TEST(killed)
{
	mkfs_expect(0, "mkdir tree && for i in 1 2 3 4 5 6 7 8; do "
		       "mkdir tree/$i; touch $(seq -f tree/$i/%%g 400); done; "
		       "head -c 30M /dev/zero >tree/f; echo precious >image");
	int names = mkfs_names();
	for (int ms = 0; ms < 40; ms += 2) {
		mkfs_expect(0,
			    "$IMG mkfs image --force --from=tree >/dev/null & "
			    "p=$!; sleep 0.%03d; kill -9 $p; wait $p; "
			    "grep -q precious image || { e2fsck -fn image && "
			    "echo precious >image; }",
			    ms);
		ck_assert_int_eq(mkfs_names(), names);
	}
}
END_TEST

// Ctrl-C: at once, and nothing is left; or it came too late, and the image is whole.
START_TEST(interrupted)
{
	mkfs_expect(0, "mkdir tree && for i in 1 2 3 4 5 6 7 8; do "
		       "mkdir tree/$i; touch $(seq -f tree/$i/%%g 400); done; "
		       "head -c 30M /dev/zero >tree/f; echo precious >image");
	int names = mkfs_names();
	for (int ms = 1; ms < 40; ms += 4) {
		mkfs_expect(0,
			    "timeout -s INT 0.%03d $IMG mkfs image --force "
			    "--quiet --from=tree; s=$?; "
			    "if grep -q precious image; then [ $s = 124 ]; "
			    "else e2fsck -fn image && echo precious >image; fi",
			    ms);
		ck_assert_int_eq(mkfs_names(), names);
	}
}
END_TEST

START_TEST(no_room_on_the_host)
{
	if (geteuid() != 0)
		SKIP("needs root, to mount");
	mkfs_expect(0, "mkdir tree small && head -c 3M /dev/urandom >tree/f");
	struct outcome o = mkfs_shell(
		"unshare -m sh -c 'mount -t tmpfs -o size=2M none small && "
		"echo precious >small/image || exit 77; "
		"$0 mkfs small/image --force --quiet --from=tree; [ $? = 1 ] "
		"&& grep precious small/image && [ $(ls -A small) = image ] && "
		"tar c tree | $0 mkfs small/image --force --quiet --from=-; "
		"[ $? = 1 ] && [ $(ls -A small) = image ]' $IMG");
	if (o.exit == 77)
		SKIP("cannot mount a tmpfs here");
	ck_assert_msg(o.exit == 0 && strstr(o.out, "ENOSPC"), "exit %d: %s",
		      o.exit, o.out);
	outcome_free(&o);
}
END_TEST

START_TEST(output_is_full)
{
	mkfs_expect(1, "$IMG mkfs image --size=1M >/dev/full");
	mkfs_expect(0, "$IMG mkfs b --size=1M --quiet >/dev/full");
}
END_TEST

// ## In place

START_TEST(in_a_disk_image)
{
	if (!mkfs_have("e2fsck"))
		SKIP(MKFS_NEEDS);
	mkfs_expect(0, "mkdir tree && echo inside >tree/f && "
		       "head -c 8M /dev/urandom >disk && cp disk before");
	mkfs_expect_text(1, "want --force",
			 "$IMG mkfs disk --offset=1M --size=4M --from=tree");
	mkfs_expect(0, "cmp disk before && "
		       "$IMG mkfs disk --offset=1M --size=4M --from=tree "
		       "--force");
	mkfs_expect(0, "dd if=disk bs=1M skip=1 count=4 of=part 2>/dev/null; "
		       "debugfs -R 'cat f' part 2>/dev/null | grep inside && "
		       "head -c 1M disk | cmp - before -n 1048576 && "
		       "tail -c 3M disk >a && tail -c 3M before | cmp - a");
	mkfs_check("part");
	mkfs_expect_text(1, "ENOSPC",
			 "$IMG mkfs disk --offset=1M --size=8M --force");
	// To the end of the file.
	mkfs_expect(0, "$IMG mkfs disk --offset=1M --force && "
		       "tail -c 7M disk >part");
	mkfs_check("part");
	ck_assert_uint_eq(mkfs_number("part", "Block count"), 7 * 256);
}
END_TEST

// A partition table by hand: sectors 2048 to 10239 are partition 2.
START_TEST(in_a_partition)
{
	uint8_t sector[512] = { [446 + 16 + 4] = 0x83,
				[446 + 16 + 9] = 0x08,
				[446 + 16 + 13] = 0x20,
				[510] = 0x55,
				[511] = 0xaa };
	char path[128];

	if (!mkfs_have("e2fsck"))
		SKIP(MKFS_NEEDS);
	mkfs_expect(0, "truncate -s 8M disk");
	snprintf(path, sizeof path, "%s/disk", mkfs_folder);
	int fd = must(open(path, O_WRONLY | O_CLOEXEC));
	ck_assert_int_eq(must(pwrite(fd, sector, sizeof sector, 0)), 512);
	close(fd);
	mkfs_expect(0, "$IMG mkfs disk --partition=2 --force --journal=1M "
		       "--block-size=1K");
	mkfs_expect(0, "dd if=disk bs=1M skip=1 count=4 of=part 2>/dev/null");
	mkfs_check("part");
	ck_assert_uint_eq(mkfs_number("part", "Block count"), 4096);
	mkfs_expect(1, "$IMG mkfs disk --partition=1 --force");
}
END_TEST

// ## Trees that cannot be read, or change

START_TEST(unreadable)
{
	if (geteuid() == 0)
		SKIP("nothing is unreadable to root");
	mkfs_expect(0, "mkdir tree && echo x >tree/f && chmod 0 tree/f");
	mkfs_expect_text(1, "f: Permission denied (EACCES)",
			 "$IMG mkfs image --from=tree");
	mkfs_expect(0, "rm -f tree/f; mkdir tree/d && chmod 0 tree/d");
	mkfs_expect_text(1, "d: Permission denied (EACCES)",
			 "$IMG mkfs image --from=tree");
	mkfs_expect(0, "chmod 700 tree/d; [ ! -e image ]");
}
END_TEST

START_TEST(too_many_links)
{
	// 32000 is ext2's limit.
	mkfs_expect(0, "mkdir tree");
	for (int i = 0; i <= 32000; i++) {
		char name[2][128];

		snprintf(name[0], sizeof name[0], "%s/tree/0", mkfs_folder);
		snprintf(name[1], sizeof name[1], "%s/tree/%d", mkfs_folder, i);
		if (i == 0)
			close(must(creat(name[0], 0600)));
		else if (link(name[0], name[1]))
			SKIP("so many links are not possible here");
	}
	mkfs_expect_text(1, "EMLINK", "$IMG mkfs image --from=tree");
	mkfs_expect(0, "rm tree/32000 && $IMG mkfs image --from=tree");
	if (mkfs_have("e2fsck"))
		mkfs_check("image");
}
END_TEST

// What PTRACE_GET_SYSCALL_INFO gives at the entry of a call (ptrace(2)); the name of
// this structure differs from one C library to another.
struct call_entry {
	uint8_t op; // 1: an entry
	uint8_t pad[3];
	uint32_t arch;
	uint64_t instruction, stack, number, arguments[6];
};

// Runs img mkfs and calls `meet` with each name that it opens, before it does.
static int traced(void (*meet)(const char *name), const char *const *words)
{
	int status;
	pid_t main_pid = must(fork());

	if (main_pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		// It looks for leaks with ptrace(2), too, and only one can.
		setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
		execv(words[0], (char *const *)words);
		_exit(127);
	}
	must(waitpid(main_pid, &status, 0));
	must(ptrace(PTRACE_SETOPTIONS, main_pid, NULL,
		    (void *)(uintptr_t)(PTRACE_O_TRACESYSGOOD |
					PTRACE_O_TRACECLONE |
					PTRACE_O_EXITKILL)));
	must(ptrace(PTRACE_SYSCALL, main_pid, NULL, NULL));
	for (;;) {
		struct call_entry info;
		pid_t pid = must(waitpid(-1, &status, __WALL));
		int signal = 0;

		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			if (pid == main_pid)
				return WIFEXITED(status) ? WEXITSTATUS(status)
							 : -1;
			continue;
		}
		if (WSTOPSIG(status) == (SIGTRAP | 0x80) &&
		    ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof info,
			   &info) > 0 &&
		    info.op == 1 && info.number == SYS_openat) {
			char name[256] = "";
			struct iovec here = { name, sizeof name - 1 };
			struct iovec there = {
				(void *)(uintptr_t)info.arguments[1], 64
			};

			process_vm_readv(pid, &here, 1, &there, 1, 0);
			meet(name);
		} else if (WSTOPSIG(status) != (SIGTRAP | 0x80) &&
			   WSTOPSIG(status) != SIGTRAP &&
			   WSTOPSIG(status) != SIGSTOP) {
			signal = WSTOPSIG(status);
		}
		ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(uintptr_t)signal);
	}
}

static void change_tree(const char *name)
{
	char path[128];

	snprintf(path, sizeof path, "%s/tree/%s", mkfs_folder, name);
	if (!strcmp(name, "vanishes"))
		unlink(path);
	else if (!strcmp(name, "shrinks") || !strcmp(name, "shrinks greatly"))
		ck_assert_int_eq(truncate(path, 3), 0);
	else if (!strcmp(name, "goes"))
		rmdir(path);
}

START_TEST(changing_tree)
{
	char program[4200], image[128], from[128], log[128];
	int status, saved, fd;

	if (!mkfs_have("debugfs"))
		SKIP(MKFS_NEEDS);
	mkfs_expect(0, "mkdir -p tree/goes && echo here >tree/stays && "
		       "echo gone >tree/vanishes && ln tree/vanishes tree/z && "
		       "rm tree/z && echo longer >tree/shrinks && "
		       "head -c 1M /dev/urandom >'tree/shrinks greatly'");
	snprintf(program, sizeof program, "%s/fs/img", build_folder());
	snprintf(image, sizeof image, "%s/image", mkfs_folder);
	snprintf(from, sizeof from, "--from=%s/tree", mkfs_folder);
	snprintf(log, sizeof log, "%s/log", mkfs_folder);
	fd = must(open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	saved = must(dup(STDERR_FILENO));
	must(dup2(fd, STDERR_FILENO));
	status = traced(change_tree,
			(const char *const[]){ program, "mkfs", image, from,
					       "--quiet", NULL });
	must(dup2(saved, STDERR_FILENO));
	close(saved);
	close(fd);
	if (status == -1)
		SKIP("cannot trace here");
	ck_assert_int_eq(status, 1);
	mkfs_expect(0, "[ $(wc -l <log) = 3 ] && "
		       "grep 'vanishes vanished while' log && "
		       "grep 'goes vanished while' log && "
		       "grep 'shrinks became shorter' log");
	mkfs_check("image");
	mkfs_expect(0, "debugfs -R 'ls -p /' image | grep /stays/");
	mkfs_expect(1,
		    "debugfs -R 'ls -p /' image | grep -E '/(vanishes|goes)/'");
	mkfs_expect(0, "[ \"$(debugfs -R 'cat shrinks' image 2>/dev/null)\" = "
		       "lon ]");
}
END_TEST

void add_mkfs_trouble_tests(Suite *suite)
{
	TCase *tcase = mkfs_case("mkfs trouble");

	tcase_add_test(tcase, bad_options);
	tcase_add_test(tcase, replaces_only_when_forced);
	tcase_add_test(tcase, host_is_full);
	tcase_add_test(tcase, killed);
	tcase_add_test(tcase, interrupted);
	tcase_add_test(tcase, no_room_on_the_host);
	tcase_add_test(tcase, output_is_full);
	tcase_add_test(tcase, in_a_disk_image);
	tcase_add_test(tcase, in_a_partition);
	tcase_add_test(tcase, unreadable);
	tcase_add_test(tcase, too_many_links);
	tcase_add_test(tcase, changing_tree);
	suite_add_tcase(suite, tcase);
}
