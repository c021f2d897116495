/* SPDX-License-Identifier: MIT */
/*
 * test_file.c - the file exporter on good and on bad days: rotation, a full disk,
 * a directory that cannot be written, renamed files, an agent that died half-way.
 */
#include "runtime/export/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/spans.h"

#define BIG 1000000000u

static char directory[] = "/tmp/tagalong-test-file-XXXXXX";
static char path[PATH_MAX], other[PATH_MAX];

static const char *content(const char *name)
{
	static char text[1 << 20];
	FILE *stream = fopen(name, "r");
	size_t bytes = stream ? fread(text, 1, sizeof(text) - 1, stream) : 0;

	text[bytes] = '\0';
	if (stream)
		fclose(stream);
	return stream ? text : NULL;
}

static void put_content(const char *name, const char *text)
{
	FILE *stream = fopen(name, "w");

	fputs(text, stream);
	fclose(stream);
}

static const char *in_directory(const char *name)
{
	snprintf(other, sizeof(other), "%s/%s", directory, name);
	return other;
}

static void clean(void)
{
	char command[PATH_MAX + 32];

	snprintf(command, sizeof(command), "rm -rf %s/*", directory);
	expect_number("clean", system(command), 0);
}

static int append(struct ta_file *file, const char *line)
{
	return ta_file_append(file, line, strlen(line));
}

static void test_append(void)
{
	struct ta_file_place place;
	struct stat status;
	struct ta_file *file;

	snprintf(path, sizeof(path), "%s/deep/er/spans.jsonl", directory);
	file = ta_file_new(path, BIG, 2);
	expect("append/not_before_first", access(path, F_OK) != 0, "the file is there");
	expect_number("append/first", append(file, "one"), 0);
	expect_number("append/place", ta_file_place(file, &place), 0);
	expect_number("append/place_bytes", (long long)place.bytes, 4);
	expect_number("append/stat", stat(path, &status), 0);
	expect_number("append/place_inode", (long long)place.inode, (long long)status.st_ino);
	expect_number("append/file_mode", status.st_mode & 0777, 0600);
	expect_number("append/second", append(file, "two"), 0);
	expect_text("append/content", content(path), "one\ntwo\n");
	expect_number("append/dir_stat", stat(in_directory("deep/er"), &status), 0);
	expect_number("append/dir_mode", status.st_mode & 0777, 0700);
	ta_file_free(file);
	clean();
}

static void test_rotation(void)
{
	struct ta_file *file;

	snprintf(path, sizeof(path), "%s/r", directory);
	file = ta_file_new(path, 8, 2);
	for (int i = 0; i < 7; i++) {
		char line[24];

		snprintf(line, sizeof(line), "line%d", i); /* six bytes with its end */
		expect_number("rotation/append", append(file, line), 0);
	}
	expect_text("rotation/now", content(path), "line6\n");
	expect_text("rotation/1", content(in_directory("r.1")), "line4\nline5\n");
	expect_text("rotation/2", content(in_directory("r.2")), "line2\nline3\n");
	expect("rotation/no_3", access(in_directory("r.3"), F_OK) != 0, "r.3 is there");
	ta_file_free(file);

	file = ta_file_new(path, 4, 0);
	expect_number("rotation/keep0", append(file, "fresh"), 0);
	expect_text("rotation/keep0_content", content(path), "fresh\n");
	ta_file_free(file);
	clean();
}

static void test_renamed_and_removed(void)
{
	struct ta_file *file;

	snprintf(path, sizeof(path), "%s/m", directory);
	file = ta_file_new(path, BIG, 2);
	append(file, "one");
	expect_number("moved/rename", rename(path, in_directory("m.old")), 0);
	expect_number("moved/append", append(file, "two"), 0);
	expect_text("moved/old", content(in_directory("m.old")), "one\n");
	expect_text("moved/new", content(path), "two\n");
	unlink(path);
	expect_number("removed/append", append(file, "three"), 0);
	expect_text("removed/new", content(path), "three\n");
	ta_file_free(file);
	clean();
}

static void test_unfinished_line(void)
{
	struct ta_file *file;

	snprintf(path, sizeof(path), "%s/u", directory);
	put_content(path, "whole\nhalf a li");
	file = ta_file_new(path, BIG, 2);
	expect_number("unfinished/append", append(file, "next"), 0);
	expect_text("unfinished/content", content(path), "whole\nhalf a li\nnext\n");
	ta_file_free(file);
	clean();
}

static void test_restore(void)
{
	struct ta_file_place place;
	struct ta_file *file;

	snprintf(path, sizeof(path), "%s/s", directory);
	file = ta_file_new(path, BIG, 2);
	append(file, "kept");
	ta_file_place(file, &place);
	append(file, "done but not told");
	ta_file_free(file);

	file = ta_file_new(path, BIG, 2);
	expect_number("restore/whole", ta_file_restore(file, &place), 0);
	expect_text("restore/whole_content", content(path), "kept\n");
	expect_number("restore/again", append(file, "again"), 0);
	expect_text("restore/again_content", content(path), "kept\nagain\n");
	truncate(path, 8); /* "kept\naga" */
	expect_number("restore/half", ta_file_restore(file, &place), 0);
	expect_text("restore/half_content", content(path), "kept\n");
	expect_number("restore/nothing_to_do", ta_file_restore(file, &place), 0);
	expect_text("restore/nothing_content", content(path), "kept\n");

	append(file, "ours");
	rename(path, in_directory("s.2"));
	put_content(path, "another\nfile\n");
	expect_number("restore/rotated", ta_file_restore(file, &place), 0);
	expect_text("restore/rotated_content", content(in_directory("s.2")), "kept\n");
	expect_text("restore/new_untouched", content(path), "another\nfile\n");

	rename(in_directory("s.2"), path);
	append(file, "ours");
	append(file, "of another agent");
	expect_number("restore/shared", ta_file_restore(file, &place), 0);
	expect_text("restore/shared_content", content(path), "kept\nours\nof another agent\n");
	unlink(path);
	expect_number("restore/gone", ta_file_restore(file, &place), 0);
	ta_file_free(file);
	clean();
}

/* Of a child of a test: it tells what failed on its own. */
static int child_status(void)
{
	if (check_state.failed)
		printf("# %s\n", check_state.why);
	fflush(stdout);
	return check_state.failed;
}

/* In a child, because the limit cannot be raised again. */
static int limited(void)
{
	struct rlimit limit = { 20, 20 };
	struct ta_file *file = ta_file_new(path, BIG, 2);

	signal(SIGXFSZ, SIG_IGN);
	expect_number("limit/first", append(file, "0123456789"), 0);
	expect_number("limit/set", setrlimit(RLIMIT_FSIZE, &limit), 0);
	expect_number("limit/too_long", append(file, "abcdefghijklmn"), -EFBIG);
	expect_text("limit/cut_back", content(path), "0123456789\n");
	expect_number("limit/shorter", append(file, "abc"), 0);
	expect_text("limit/content", content(path), "0123456789\nabc\n");
	ta_file_free(file);
	return child_status();
}

static int in_child(int (*run)(void))
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(run());
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* A disk of 64 KiB, in a mount namespace of our own. */
static int full_disk(void)
{
	static char line[40000];
	struct ta_file *file;

	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("tmpfs", directory, "tmpfs", 0, "size=64k") != 0) {
		printf("# full disk: not tested, no mount allowed here\n");
		fflush(stdout);
		return 0;
	}
	memset(line, 'x', sizeof(line) - 1);
	file = ta_file_new(path, BIG, 2);
	expect_number("full/first", append(file, line), 0);
	expect_number("full/no_room", append(file, line), -ENOSPC);
	expect("full/cut_back", strlen(content(path)) == sizeof(line), "the file has another size");
	expect_number("full/short_line_fits", append(file, "short"), 0);
	truncate(path, 0);
	expect_number("full/room_again", append(file, line), 0);
	expect("full/content", strlen(content(path)) == sizeof(line), "the file has another size");
	ta_file_free(file);
	return child_status();
}

static int unwritable(void)
{
	struct ta_file *file = ta_file_new(path, BIG, 2);
	struct ta_file_place place;

	if (geteuid() == 0 && seteuid(65534) != 0)
		return 1;
	expect_number("unwritable/append", append(file, "line"), -EACCES);
	expect_number("unwritable/place", ta_file_place(file, &place), -EACCES);
	ta_file_free(file);
	return child_status();
}

static void test_bad_places(void)
{
	struct ta_file *file;

	snprintf(path, sizeof(path), "%s/closed/f", directory);
	mkdir(in_directory("closed"), 0555);
	expect_number("unwritable", in_child(unwritable), 0);
	snprintf(path, sizeof(path), "%s/f", directory);
	mkdir(path, 0700);
	file = ta_file_new(path, BIG, 2);
	expect_number("is_directory", append(file, "x"), -EISDIR);
	ta_file_free(file);
	clean();
	put_content(path, "a file");
	file = ta_file_new(strcat(path, "/below"), BIG, 2);
	expect_number("below_a_file", append(file, "x"), -ENOTDIR);
	ta_file_free(file);
	file = ta_file_new("/dev/null", 1, 2);
	expect_number("dev_null", append(file, "x"), 0);
	expect_number("dev_null_again", append(file, "x"), 0);
	ta_file_free(file);
	clean();
	snprintf(path, sizeof(path), "%s/l", directory);
	expect_number("limited", in_child(limited), 0);
	clean();
	expect_number("full_disk", in_child(full_disk), 0);
	clean();
}

/* Four writers with rotation in between: every line is whole, none comes twice. */
static int writer(void)
{
	static char line[3000];
	struct ta_file *file = ta_file_new(path, 100000, 1000);
	int bad = 0;

	memset(line, 'w', sizeof(line) - 1);
	for (int i = 0; i < 100; i++) {
		int error = append(file, line);

		/* Nobody's turn comes for a second on a busy machine: ask again, as the agent does. */
		for (int again = 0; error == -EAGAIN && again < 30; again++)
			error = append(file, line);
		bad |= error != 0;
	}
	ta_file_free(file);
	return bad;
}

static void test_writers(void)
{
	char name[PATH_MAX + 16];
	long lines = 0, broken = 0;

	snprintf(path, sizeof(path), "%s/w", directory);
	fflush(stdout);
	for (int i = 0; i < 4; i++)
		if (fork() == 0)
			_exit(writer());
	for (int i = 0; i < 4; i++) {
		int status;

		wait(&status);
		expect_number("writers/exit", status, 0);
	}
	snprintf(name, sizeof(name), "%s", path);
	for (int i = 1; access(name, F_OK) == 0; i++) {
		FILE *stream = fopen(name, "r");
		char line[4096];

		while (fgets(line, sizeof(line), stream)) {
			lines++;
			broken += strlen(line) != 3000 || strspn(line, "w") != 2999;
		}
		fclose(stream);
		snprintf(name, sizeof(name), "%s.%d", path, i);
	}
	expect_number("writers/lines", lines, 400);
	expect_number("writers/broken", broken, 0);
	clean();
}

static void check_default(const char *name, const char *setting, char *const *envp, int want_error,
			  const char *want)
{
	struct ta_config config = plain_config();
	char out[64];

	config.file = setting;
	expect_number(name, ta_file_default_path(&config, envp, "/cwd", out, sizeof(out)), want_error);
	if (!want_error)
		expect_text(name, out, want);
}

static void test_default_path(void)
{
	char home[] = "HOME=/home/u", state[] = "XDG_STATE_HOME=/var/s", odd[] = "XDG_STATE_HOME=rel";
	char *both[] = { home, state, NULL }, *only_home[] = { home, odd, NULL };
	char longer[80];

	memset(longer, 'n', sizeof(longer) - 1);
	longer[0] = '/';
	longer[sizeof(longer) - 1] = '\0';
	check_default("default/state", "", both, 0, "/var/s/tagalong/tagalong.jsonl");
	check_default("default/home", "", only_home, 0,
		      "/home/u/.local/state/tagalong/tagalong.jsonl");
	check_default("default/none", "none", both, 0, "");
	check_default("default/relative", "out.jsonl", both, 0, "/cwd/out.jsonl");
	check_default("default/absolute", "/x/out.jsonl", both, 0, "/x/out.jsonl");
	check_default("default/too_long", longer, both, -ENAMETOOLONG, "");
	check_default("default/too_long_relative", longer + 1, both, -ENAMETOOLONG, "");
}

int main(void)
{
	if (!mkdtemp(directory))
		return 1;
	check_group("append", test_append);
	check_group("rotation", test_rotation);
	check_group("renamed_and_removed", test_renamed_and_removed);
	check_group("unfinished_line", test_unfinished_line);
	check_group("restore", test_restore);
	check_group("bad_places", test_bad_places);
	check_group("writers", test_writers);
	check_group("default_path", test_default_path);
	rmdir(directory);
	return check_status();
}
