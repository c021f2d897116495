/* SPDX-License-Identifier: MIT */
/*
 * main.c - the `tagalong` command: which verb was meant.
 *
 * `tagalong PROGRAM` and `tagalong -o FILE PROGRAM` mean run.  A verb's name wins
 * over a program of the same name (`tagalong run show` starts a program "show").
 */
#include "runtime/cli/cli.h"

#include <stdio.h>
#include <string.h>

const struct ta_cli_verb ta_cli_verbs[] = {
	{ "run", ta_cli_run, "[OPTIONS] [--] PROGRAM [ARGS...]",
	  "run a program and record its traces",
	  "  -o, --output FILE   where the spans go (default: $TAGALONG_FILE, else tagalong.jsonl)\n"
	  "  -e, --export TO     only there: file, otlp, sentry; several with commas, or -e again\n"
	  "  --endpoint URL      the collector's base URL (OTEL_EXPORTER_OTLP_ENDPOINT)\n"
	  "  --dsn DSN           Sentry's (SENTRY_DSN)\n"
	  "  --service NAME      service.name of the spans (OTEL_SERVICE_NAME)\n"
	  "  --tag KEY=VALUE     a resource attribute: of every span, event and metric; may be repeated\n"
	  "                      (OTEL_RESOURCE_ATTRIBUTES)\n"
	  "  --sample RATE       the share of traces that is exported, 0 to 1\n"
	  "                      (TAGALONG_TRACES_SAMPLE_RATE)\n"
	  "  --keep RULES        which complete traces go out: errors,slow:250ms,rate:0.05\n"
	  "                      (TAGALONG_KEEP)\n"
	  "  --follow            trace the programs that PROGRAM starts (the default);\n"
	  "  --no-follow         do not (TAGALONG_FOLLOW)\n"
	  "  --summary           a page at the end, also when standard error is no terminal\n"
	  "  -q, --quiet         say nothing at the end\n"
	  "\n"
	  "At the end, on standard error: a page on a terminal (requests, errors, what was slowest,\n"
	  "crashes, losses), else one line.  Without -e spans go to the file and to every receiver\n"
	  "that the environment names.\n"
	  "\n"
	  "The exit status is the program's; a program that dies of a signal makes\n"
	  "tagalong die of the same one.  127: not found, 126: cannot be executed, 2: wrong usage.\n"
	  "`tagalong PROGRAM` is the same as `tagalong run PROGRAM`.\n" },
	{ "wait-crash", ta_cli_wait_crash,
	  "[-o FILE] [--service NAME] [-q] [--all-threads] [--fail] [--no-follow] [--] PROGRAM [ARGS...]",
	  "run a program and, should it crash, say what happened",
	  "Runs PROGRAM as `tagalong run` does.  Says nothing when all is well.  When a process of\n"
	  "it died of a fault, abort, a failed assertion or an exception that nobody caught,\n"
	  "a page about it goes to standard error: the error, the stack with source lines, the\n"
	  "last breadcrumbs, and the request or span in flight.  Made for tests and CI.\n"
	  "\n"
	  "  -o, --output FILE   where the spans go (default: $TAGALONG_FILE, else tagalong.jsonl)\n"
	  "  --service NAME      service.name of the spans (OTEL_SERVICE_NAME)\n"
	  "  --no-follow         do not trace the programs that PROGRAM starts\n"
	  "  --all-threads       the stacks of all threads, not only of the one that crashed\n"
	  "  --fail              end with 70 when a process of it crashed, but PROGRAM ended with 0\n"
	  "  -q, --quiet         one line for each crash instead of a page\n"
	  "\n"
	  "The exit status is the program's; a program that dies of a signal makes\n"
	  "tagalong die of the same one.  70: see --fail, 127: not found, 126: cannot be executed,\n"
	  "2: wrong usage.\n" },
	{ "span", ta_cli_span, "NAME [-k KEY=VALUE]... -- COMMAND [ARGS...]",
	  "run a command and record it as a span",
	  "  -k, --attribute KEY=VALUE   an attribute of the span\n"
	  "\n"
	  "The span is a child of the one that $TRACEPARENT names, else the root of a new\n"
	  "trace; the command gets it as TRACEPARENT, so that what is traced below hangs\n"
	  "there (`tagalong run`, `tagalong span`).  A command that fails makes it an error\n"
	  "and is its attribute process.exit.code.  Spans go to $TAGALONG_FILE, else to\n"
	  "tagalong.jsonl.\n"
	  "\n"
	  "The exit status is the command's, as with `tagalong run`.\n" },
	{ "tag", ta_cli_tag, "KEY=VALUE...", "put tags on the trace that $TRACEPARENT names",
	  "On all spans of the trace that are not written yet, and on all later ones: in a\n"
	  "script below `tagalong span`, or in a program that a traced one has started.\n"
	  "\n"
	  "Exit status: 0 done, 1 no trace or nothing recorded, 2 wrong usage.\n" },
	{ "show", ta_cli_show, "[OPTIONS] [FILE]", "print recorded traces for a reader",
	  "" },
	{ "status", ta_cli_status, "[--json] [--watch] [--run-dir DIR]",
	  "what the agents are doing: programs, rates, losses, destinations",
	  "Looks at all run directories that agents of this user work in, and at what waits on\n"
	  "disk.  Nothing is asked of anybody: it costs programs and agents nothing.\n"
	  "\n"
	  "  --watch         again every second, until interrupted\n"
	  "  --json          one JSON document (with --watch one a line)\n"
	  "  --run-dir DIR   only that run directory\n"
	  "\n"
	  "Rates are those of one second on a terminal and with --watch, else the average since\n"
	  "the agent's start.  Agents that ended are listed for ten minutes, or while they left\n"
	  "something to be saved; what they could not deliver is listed until it is.\n"
	  "\n"
	  "Exit status: 0 an agent is running, 3 none is, 1 DIR cannot be looked at, 2 wrong usage.\n"
	  "\n"
	  "The JSON document (members are only ever added; _ns: Unix nanoseconds, 0: never):\n"
	  "  version, time_ns, running (how many agents), run_dirs\n"
	  "  agents[]: run_dir, key, alive, pid, journal, page (ok, none, unreadable: what follows\n"
	  "    programs and rates is there only when it is ok), unreadable_segments\n"
	  "    programs[]: exe, pid, alive, processes, started_ns, lanes, lanes_ready, lanes_used,\n"
	  "      lost (by cause)\n"
	  "    rates: over_s, records_per_s, record_bytes_per_s, spans_per_s, events_per_s, cpu\n"
	  "    started_ns, alive_ns, restarts, records, record_bytes, spans_ended, events_captured,\n"
	  "    open_spans, open_traces, held_spans, held_bytes, unsampled_spans, lost_records,\n"
	  "    lost_spans, lost_events, late_spans, cpu_us, memory_bytes\n"
	  "    file: path{text, time_ns}, spans, events, bytes, error{text, time_ns}\n"
	  "    destinations: by name (otlp-traces, otlp-logs, otlp-metrics, sentry, envelopes):\n"
	  "      wanted, to, taken, sent, adopted and dropped (by cause), each of {spans, events,\n"
	  "      points}; waiting{messages, bytes, spans, events, points, oldest_ns, in_memory},\n"
	  "      in_flight, requests, retries, bytes_sent, last_sent_ns, next_try_ns,\n"
	  "      error{text, time_ns}\n"
	  "  spools[]: path, destination, identity, key, owned (by a running agent), files,\n"
	  "    bad_files, bytes, oldest_ns\n" },
	{ "top", ta_cli_top,
	  "[--interval TIME] [--once|--count N] [--json] [--sort BY] [--view KIND] [--run-dir DIR]",
	  "what runs now: rates, errors, p50 and p99 by name, what takes long, losses",
	  "On a terminal a screen that is refreshed in place; elsewhere a block of plain lines for\n"
	  "each interval.  Shows all programs that this user's agents serve, sampled or not.\n"
	  "Agents count by name only while somebody looks, so totals begin with top.\n"
	  "\n"
	  "  --interval TIME     between two looks: seconds, or 500ms, 2s, 1m (default: 1)\n"
	  "  --once              print one interval and end\n"
	  "  --count N           print so many intervals and end\n"
	  "  --json              one JSON document a line\n"
	  "  --sort BY           rate (default), errors, p50, p99, total or name\n"
	  "  --view KIND         requests (default: what is served), calls (what is asked of others),\n"
	  "                      own (spans of the program), other or all\n"
	  "  --run-dir DIR       only that run directory\n"
	  "\n"
	  "Keys: q quit; r e m p t n sort by rate, errors, p50, p99, total, name; v other spans;\n"
	  "space pause; z begin totals anew.  Rates are those of the last interval; p50 and p99 are\n"
	  "of what ended lately (what is ten seconds old counts half).\n"
	  "\n"
	  "Exit status: 0 ended with q or after --count, 3 no agent is running (--once, --count),\n"
	  "1 cannot write, or DIR cannot be looked at, 2 wrong usage; ctrl-C and other signals put\n"
	  "the terminal back first.\n" },
	{ "export", ta_cli_export, "--to perfetto|otlp|csv [-o OUT] [OPTIONS] [FILE]",
	  "convert recorded traces for other tools",
	  "FILE is found as by `tagalong show`; - is standard input.  What was captured is taken\n"
	  "from the file beside it (tagalong.logs.jsonl).\n"
	  "\n"
	  "  --to perfetto       Trace Event JSON for ui.perfetto.dev and chrome://tracing\n"
	  "  --to otlp           OTLP JSON lines, one trace after the other, the oldest first\n"
	  "  --to csv            one line per span; the first line names the columns\n"
	  "  -o, --output OUT    where to (default: standard output)\n"
	  "  --all               rotated files (FILE.1, FILE.2 ...), too\n"
	  "\n"
	  "A trace is exported, as a whole, when one of its spans meets all of:\n"
	  "  --name PATTERN      name contains PATTERN, or matches it with * and ?\n"
	  "  --errors            ended with an error\n"
	  "  --trace ID          the trace's id begins with ID\n"
	  "  --since AGE         the trace ended at most so long ago, as in 90s, 15m, 2h\n"
	  "\n"
	  "Perfetto: a span is on its thread's track where it lies within its parent or nothing\n"
	  "else does; others (requests that a server takes in turns) have tracks of their own.\n"
	  "Arrows lead to children on other tracks and from what a span links to.\n"
	  "\n"
	  "CSV columns: trace_id, span_id, parent_span_id, name, kind, status (unset, ok, error),\n"
	  "start (UTC), start_unix_nano, duration_ns, service, pid, tid, http_method, http_route,\n"
	  "url_path, http_status, error_type, attributes (a JSON object).\n"
	  "\n"
	  "Exit status: 0 done, 3 done, but lines were left out because they are no OTLP JSON,\n"
	  "1 cannot read or write, 2 wrong usage.\n" },
	{ "report", ta_cli_report, "[-o OUT] [OPTIONS] [FILE...]",
	  "one page for a browser: traces, waterfalls, crashes, latencies, a map",
	  "FILE is found as by `tagalong show`; - is standard input.  What was captured is taken\n"
	  "from the file beside it (tagalong.logs.jsonl).  The page is one file that asks nobody\n"
	  "for anything: it can be mailed, kept and opened anywhere.\n"
	  "\n"
	  "  -o, --output OUT    where to (default: tagalong-report.html; -: standard output)\n"
	  "  --all               rotated files (FILE.1, FILE.2 ...), too\n"
	  "  --limit N           at most the N newest traces (default 0: all)\n"
	  "\n"
	  "A trace is in it, as a whole, when one of its spans meets all of:\n"
	  "  --name PATTERN      name contains PATTERN, or matches it with * and ?\n"
	  "  --min-duration N    lasted at least N, as in 5ms, 250us, 1.5s\n"
	  "  --errors            ended with an error\n"
	  "  --trace ID          the trace's id begins with ID\n"
	  "  --since AGE         the trace ended at most so long ago, as in 90s, 15m, 2h\n"
	  "\n"
	  "OUT is replaced when the page is complete, never in part; only its owner may read it\n"
	  "(one that was there keeps its mode).\n"
	  "\n"
	  "Exit status: 0 done, 3 done, but lines were left out because they are no OTLP JSON,\n"
	  "1 cannot read or write, 2 wrong usage.\n" },
	{ "doctor", ta_cli_doctor, "[--json] [--probe] [PROGRAM | --pid PID]",
	  "say whether a program can be traced, a process is, and why not",
	  "PROGRAM is looked at as a file; nothing of it is executed.  With neither: the\n"
	  "installation, the settings, where traces go, and this machine (run directory, limits,\n"
	  "ptrace, clock, kernel).  Each line is a finding: ok, note (less is seen) or problem\n"
	  "(nothing is), why, and what to do.\n"
	  "\n"
	  "  -p, --pid PID   a running process: is the library in it, its segment and lanes, what\n"
	  "                  was lost, its agent, and what that could not deliver.  Another user's\n"
	  "                  process can be looked at by root\n"
	  "  --probe         connect to the receivers that are set, some seconds at most\n"
	  "  --json          one document: version, findings[] of level, about, text; problems\n"
	  "\n"
	  "Exit status: 0 no problem was found, 1 at least one was, 2 wrong usage.\n" },
	{ "drain", ta_cli_drain, "DIR [-o FILE|--stdout] [--keep]",
	  "save what programs without a living agent left in a run directory",
	  "  -o, --output FILE   where the spans go (default: tagalong.jsonl)\n"
	  "  --stdout            write them to standard output\n"
	  "  --keep              leave the drained segments where they are\n" },
	{ "agent", ta_cli_agent, "--run-dir DIR (--key HEX|--all) [--foreground]",
	  "serve the programs of one run directory (started by the library)",
	  "  --run-dir DIR   directory of the segments\n"
	  "  --key HEX       which segments: the first eight digits of their names\n"
	  "  --all           all that no other agent serves, by the settings of this environment,\n"
	  "                  until stopped; makes DIR when it is missing.  For a container beside\n"
	  "                  those of the programs, which are told TAGALONG_AGENT=none\n"
	  "  --foreground    stay attached, no watcher process\n" },
	{ "help", ta_cli_help, "[VERB|environment]", "explain a verb, or list all settings", "" },
	{ NULL, NULL, NULL, NULL, NULL },
};

const struct ta_cli_verb *ta_cli_verb(const char *name)
{
	for (const struct ta_cli_verb *verb = ta_cli_verbs; verb->name; verb++)
		if (strcmp(verb->name, name) == 0)
			return verb;
	return NULL;
}

static int dispatch(int argc, char **argv)
{
	const struct ta_cli_verb *verb = ta_cli_verb(argv[1]);

	/* "--" and options belong to run, which knows them. */
	if (!verb)
		return ta_cli_run(argc, argv);
	if (argc > 2 && strcmp(argv[2], "--help") == 0)
		return ta_cli_help(2, (char *[]){ argv[0], argv[1], NULL });
	return verb->main(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	static char help[] = "help";

	if (argc < 2)
		return ta_cli_help(1, (char *[]){ help, NULL }), TA_CLI_USAGE;
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		puts("tagalong " TA_VERSION);
		return fflush(stdout) == 0 ? 0 : 1;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return ta_cli_help(argc - 1, argv + 1);
	return dispatch(argc, argv);
}
