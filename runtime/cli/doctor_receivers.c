/* SPDX-License-Identifier: MIT */
/*
 * doctor_receivers.c - where the settings send things, and what of them was not taken.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/doctor.h"

#include <errno.h>
#include <string.h>

#include "runtime/cli/place.h"
#include "runtime/export/curl.h"
#include "runtime/export/target.h"

static void note_sentence(void *user, const char *sentence)
{
	struct ta_doctor *doctor = user;

	ta_cli_find(&doctor->findings, TA_CLI_NOTE, "%s", sentence);
}

static void check_directory(struct ta_doctor *doctor, const struct ta_target *target)
{
	char culprit[PATH_MAX] = "";
	int error = ta_cli_can_write(target->url, culprit);

	if (error && error != -EISDIR)
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "%s: %s: envelopes cannot be written there; name another directory in "
			    "TAGALONG_ENVELOPES", culprit[0] ? culprit : target->url,
			    strerror(-error));
	else
		ta_cli_find(&doctor->findings, TA_CLI_OK, "envelopes go to %s", target->shown);
}

static void check_target(struct ta_doctor *doctor, const struct ta_target *target)
{
	const char *name = ta_queue_name(target->queue);
	char said[TA_DOCTOR_SAID_BYTES];

	if (!doctor->probe)
		ta_cli_find(&doctor->findings, TA_CLI_OK, "%s go to %s (--probe: is it there?)", name,
			    target->shown);
	else if (ta_doctor_probe(target->url, said) != 0)
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM, "%s go to %s: %s", name,
			    target->shown, said);
	else
		ta_cli_find(&doctor->findings, TA_CLI_OK, "%s go to %s, which takes connections",
			    name, target->shown);
}

static void check_targets(struct ta_doctor *doctor, const struct ta_targets *targets)
{
	const char *missing = NULL;

	if (targets->any_network && !ta_curl_load(&missing))
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM, "%s", missing);
	for (int i = 0; i < TA_QUEUES; i++) {
		if (!targets->targets[i].wanted)
			continue;
		if (i == TA_QUEUE_ENVELOPES)
			check_directory(doctor, &targets->targets[i]);
		else
			check_target(doctor, &targets->targets[i]);
	}
	if (targets->prometheus_host)
		ta_cli_find(&doctor->findings, TA_CLI_OK, "metrics are answered at %s port %u",
			    targets->prometheus_host, targets->prometheus_port);
}

void ta_doctor_receivers(struct ta_doctor *doctor, const struct ta_cli_settings *settings)
{
	struct ta_targets targets;

	doctor->about = "receivers";
	if (ta_targets_load(&targets, &settings->config, settings->cwd, note_sentence, doctor) != 0) {
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "the receivers cannot be looked at: no memory is left: make some");
		return;
	}
	check_targets(doctor, &targets);
	ta_targets_fini(&targets);
}
