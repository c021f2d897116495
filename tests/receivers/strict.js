// SPDX-License-Identifier: MIT
'use strict';
/*
 * strict.js - OTLP bodies as OpenTelemetry's own JavaScript packages read them, and not one
 * liberty more.
 *
 * A receiver has to ignore what it does not know; so a wrong sender goes unnoticed.  Here
 * whatever a receiver would ignore, guess or repair is an error: unknown fields and keys,
 * names of enums, ids that are not hexadecimal or of the wrong length, 64-bit numbers that
 * are no decimal strings, text that is not UTF-8, empty envelopes and statuses, spans that
 * end before they start, histograms that do not add up.
 *
 * decode(signal, protocol, body) returns the request in the JSON form of OTLP, whatever
 * protocol it came in, or throws an Error that says where it is wrong.
 */
const path = require('path');

// The generated code of the official packages; they export no decoder of requests.
const modules = path.join(__dirname, 'node_modules');
const transformer = path.dirname(require.resolve('@opentelemetry/otlp-transformer'));
const { opentelemetry } = require(path.join(transformer, 'generated/root.js'));
const { Reader } = require(require.resolve('protobufjs/minimal', { paths: [transformer, modules] }));

const collector = opentelemetry.proto.collector;
const REQUESTS = {
	traces: collector.trace.v1.ExportTraceServiceRequest,
	logs: collector.logs.v1.ExportLogsServiceRequest,
	metrics: collector.metrics.v1.ExportMetricsServiceRequest,
};
const SHAPES = {
	traces: ['resourceSpans', 'scopeSpans', 'spans'],
	logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
	metrics: ['resourceMetrics', 'scopeMetrics', 'metrics'],
};
const ID_BYTES = { traceId: 16, spanId: 8, parentSpanId: 8 };
// In the attributes of a bytes value "traceId" could be a key, but never a member.
const PLAIN = { longs: String, bytes: String, json: true };

function fail(where, what) {
	throw new Error(`${where || 'request'}: ${what}`);
}

/** What the generated code itself finds wrong: two values where one can be, unknown enums. */
function verify(type, message) {
	const problem = type.verify(message);
	if (problem) {
		fail('', problem);
	}
}

/* ---- protobuf ---- */

/** A reader that knows no forgiveness. */
function strictReader(body) {
	const reader = Reader.create(body);
	reader.skipType = () => fail('', `unknown field before byte ${reader.pos}`);
	reader.string = () => {
		const bytes = reader.bytes();
		try {
			return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
		} catch {
			return fail('', `text before byte ${reader.pos} is not UTF-8`);
		}
	};
	return reader;
}

function fromProtobuf(type, body) {
	const message = type.decode(strictReader(body));
	verify(type, message);
	// Wrong wire types, overlong numbers, fields that come twice: read, but not written like that.
	const again = type.encode(message).finish();
	if (again.length !== body.length) {
		fail('', `${body.length} bytes, and ${again.length} when written again`);
	}
	return mapIds(type.toObject(message, PLAIN), (where, id, bytes) => {
		const found = Buffer.from(id, 'base64');
		return found.length === bytes ? found.toString('hex') : fail(where, `${found.length} bytes, not ${bytes}`);
	});
}

/* ---- JSON ---- */

/** A copy with every id replaced; values of attributes have none. */
function mapIds(item, change, where = '') {
	if (Array.isArray(item)) {
		return item.map((member, index) => mapIds(member, change, `${where}[${index}]`));
	}
	if (item === null || typeof item !== 'object') {
		return item;
	}
	const copy = {};
	for (const [key, value] of Object.entries(item)) {
		const place = where ? `${where}.${key}` : key;
		copy[key] = Object.hasOwn(ID_BYTES, key) ? change(place, value, ID_BYTES[key]) : mapIds(value, change, place);
	}
	return copy;
}

/** The first place where two values differ; undefined when they are alike. */
function difference(sent, read, where = '') {
	if (sent === null || typeof sent !== 'object' || read === null || typeof read !== 'object') {
		return Object.is(sent, read) ? undefined : `${where} is ${JSON.stringify(sent)}, read as ${JSON.stringify(read)}`;
	}
	if (Array.isArray(sent) !== Array.isArray(read)) {
		return `${where} is a list on one side only`;
	}
	for (const key of new Set([...Object.keys(sent), ...Object.keys(read)])) {
		const place = Array.isArray(sent) ? `${where}[${key}]` : where ? `${where}.${key}` : key;
		if (!Object.hasOwn(read, key)) {
			// An empty list as a value: the only one that says something.
			if (key === 'values' && Array.isArray(sent.values) && sent.values.length === 0) {
				continue;
			}
			return `${place} is not known, or empty`;
		}
		const found = difference(sent[key], read[key], place);
		if (found) {
			return found;
		}
	}
	return undefined;
}

function fromJson(type, body) {
	const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
	const sent = JSON.parse(text);
	const ids = mapIds(sent, (where, id, bytes) => {
		if (typeof id !== 'string' || !new RegExp(`^[0-9a-f]{${2 * bytes}}$`).test(id)) {
			fail(where, `${JSON.stringify(id)} is not ${2 * bytes} small hexadecimal digits`);
		}
		return Buffer.from(id, 'hex').toString('base64');
	});
	// What the message keeps is what the receiver understood; written again it has to be what was sent.
	const message = type.fromObject(ids);
	verify(type, message);
	const read = type.toObject(message, PLAIN);
	const found = difference(ids, read);
	if (found) {
		fail('', found);
	}
	return sent;
}

/* ---- what holds in either ---- */

function checkId(where, item, key, optional) {
	if (item[key] === undefined ? !optional : /^0+$/.test(item[key])) {
		fail(where, `${key} is ${item[key] === undefined ? 'missing' : 'all zero'}`);
	}
}

function checkTime(where, item, key, optional) {
	if (item[key] === undefined ? !optional : item[key] === '0') {
		fail(where, `no ${key}`);
	}
}

function checkAttributes(where, attributes) {
	const seen = new Set();
	for (const { key, value } of attributes || []) {
		if (!key) {
			fail(where, 'an attribute without key');
		}
		if (seen.has(key)) {
			fail(where, `attribute ${key} comes twice`);
		}
		if (value === undefined) {
			fail(where, `attribute ${key} has no value at all`);
		}
		seen.add(key);
	}
}

function checkEnum(where, item, key, last, first = 0) {
	if (item[key] !== undefined && !(Number.isInteger(item[key]) && item[key] >= first && item[key] <= last)) {
		fail(where, `${key} is ${item[key]}`);
	}
}

function checkSpan(where, span) {
	checkId(where, span, 'traceId');
	checkId(where, span, 'spanId');
	checkId(where, span, 'parentSpanId', true);
	if (span.spanId === span.parentSpanId) {
		fail(where, 'a span is its own parent');
	}
	if (!span.name) {
		fail(where, 'no name');
	}
	checkTime(where, span, 'startTimeUnixNano');
	checkTime(where, span, 'endTimeUnixNano');
	if (BigInt(span.endTimeUnixNano) < BigInt(span.startTimeUnixNano)) {
		fail(where, `ends at ${span.endTimeUnixNano}, before it starts`);
	}
	checkEnum(where, span, 'kind', 5, 1);
	checkAttributes(where, span.attributes);
	if (span.status) {
		if (Object.keys(span.status).length === 0) {
			fail(where, 'an empty status');
		}
		checkEnum(where, span.status, 'code', 2);
		if (span.status.message && span.status.code !== 2) {
			fail(where, 'a message without an error');
		}
	}
	for (const [index, event] of (span.events || []).entries()) {
		const place = `${where}.events[${index}]`;
		checkTime(place, event, 'timeUnixNano');
		if (!event.name) {
			fail(place, 'no name');
		}
		checkAttributes(place, event.attributes);
	}
	for (const [index, link] of (span.links || []).entries()) {
		const place = `${where}.links[${index}]`;
		checkId(place, link, 'traceId');
		checkId(place, link, 'spanId');
		checkAttributes(place, link.attributes);
	}
}

function checkLog(where, log) {
	checkTime(where, log, 'timeUnixNano', true);
	checkTime(where, log, 'observedTimeUnixNano', true);
	if (!log.timeUnixNano && !log.observedTimeUnixNano) {
		fail(where, 'neither time nor observed time');
	}
	checkEnum(where, log, 'severityNumber', 24, 1);
	checkId(where, log, 'traceId', true);
	checkId(where, log, 'spanId', true);
	if (log.spanId && !log.traceId) {
		fail(where, 'a span without its trace');
	}
	checkAttributes(where, log.attributes);
}

function checkHistogram(where, point) {
	const bounds = point.explicitBounds || [];
	const counts = (point.bucketCounts || []).map(BigInt);
	if (counts.length !== 0 && counts.length !== bounds.length + 1) {
		fail(where, `${counts.length} buckets for ${bounds.length} bounds`);
	}
	if (counts.length && counts.reduce((sum, count) => sum + count, 0n) !== BigInt(point.count || 0)) {
		fail(where, 'the buckets do not add up to the count');
	}
	if (bounds.some((bound, index) => index && !(bound > bounds[index - 1]))) {
		fail(where, 'bounds that do not rise');
	}
}

function checkPoint(where, kind, point) {
	checkTime(where, point, 'timeUnixNano');
	checkTime(where, point, 'startTimeUnixNano', kind === 'gauge');
	if (point.startTimeUnixNano && BigInt(point.timeUnixNano) < BigInt(point.startTimeUnixNano)) {
		fail(where, 'ends before it starts');
	}
	checkAttributes(where, point.attributes);
	if (kind === 'histogram') {
		checkHistogram(where, point);
	} else if (point.asInt === undefined && point.asDouble === undefined) {
		fail(where, 'no value');
	}
	for (const exemplar of point.exemplars || []) {
		checkTime(`${where}.exemplars`, exemplar, 'timeUnixNano');
		checkId(`${where}.exemplars`, exemplar, 'traceId', true);
		checkId(`${where}.exemplars`, exemplar, 'spanId', true);
	}
}

function checkMetric(where, metric) {
	const kinds = ['gauge', 'sum', 'histogram'].filter((kind) => metric[kind]);
	if (!metric.name || kinds.length !== 1) {
		fail(where, `metric ${metric.name}: kinds ${kinds}`);
	}
	const data = metric[kinds[0]];
	if (kinds[0] !== 'gauge' && ![1, 2].includes(data.aggregationTemporality)) {
		fail(where, `metric ${metric.name} has no temporality`);
	}
	if (!data.dataPoints || data.dataPoints.length === 0) {
		fail(where, `metric ${metric.name} has no points`);
	}
	data.dataPoints.forEach((point, index) => checkPoint(`${where}.dataPoints[${index}]`, kinds[0], point));
}

const CHECKS = { traces: checkSpan, logs: checkLog, metrics: checkMetric };

/** Calls look(where, item, scope, resource) for each span, log record or metric. */
function walk(signal, request, look) {
	const [outer, middle, inner] = SHAPES[signal];
	const list = (where, items) => (items && items.length ? items : fail(where, 'is empty'));
	list(outer, request[outer]).forEach((resource, r) => {
		const place = `${outer}[${r}]`;
		list(`${place}.${middle}`, resource[middle]).forEach((scope, s) => {
			const within = `${place}.${middle}[${s}].${inner}`;
			list(within, scope[inner]).forEach((item, i) => look(`${within}[${i}]`, item, scope, resource));
		});
	});
}

function check(signal, request) {
	walk(signal, request, (where, item, scope, resource) => {
		if (!resource.resource || !(resource.resource.attributes || []).some(({ key }) => key === 'service.name')) {
			fail(where, 'its resource has no service.name');
		}
		checkAttributes(`${where}: resource`, resource.resource.attributes);
		if (!scope.scope || !scope.scope.name) {
			fail(where, 'its scope has no name');
		}
		CHECKS[signal](where, item);
	});
}

function decode(signal, protocol, body) {
	const type = REQUESTS[signal];
	const request = protocol === 'json' ? fromJson(type, body) : fromProtobuf(type, body);
	check(signal, request);
	return request;
}

module.exports = { decode, walk, REQUESTS };
