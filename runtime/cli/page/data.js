// data.js - the columns that the command wrote, as arrays by row.
//
// A row is a span; rows are trace by trace, in a trace parents before children. What is
// needed only for a closer look (attributes, events, links) is a second block, read when it
// is asked for the first time: by then the page has long been drawn.

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const ERROR = 2; // OTLP's status code
const SERVER = 2;
const CLIENT = 3;

function block(id) {
	return JSON.parse(document.getElementById(id).textContent);
}

function parentsOf(depth, first) {
	const parent = new Int32Array(depth.length).fill(-1);
	const path = [];
	for (let trace = 0; trace + 1 < first.length; trace++)
		for (let row = first[trace]; row < first[trace + 1]; row++) {
			path[depth[row]] = row;
			if (depth[row]) parent[row] = path[depth[row] - 1];
		}
	return parent;
}

function makeTraces(index, data) {
	const count = index.traceCounts.length;
	data.first = new Int32Array(count + 1);
	for (let trace = 0; trace < count; trace++)
		data.first[trace + 1] = data.first[trace] + index.traceCounts[trace];
	data.traceOf = new Int32Array(data.count);
	data.traceStart = Float64Array.from(index.traceStarts);
	data.traceEnd = Float64Array.from(index.traceStarts);
	data.traceErrors = new Int32Array(count);
	for (let trace = 0; trace < count; trace++)
		for (let row = data.first[trace]; row < data.first[trace + 1]; row++) {
			data.traceOf[row] = trace;
			data.start[row] += data.traceStart[trace];
			data.traceEnd[trace] = Math.max(data.traceEnd[trace], data.start[row] + data.duration[row]);
			if (data.status[row] === ERROR) data.traceErrors[trace]++;
		}
	data.traces = count;
}

// What was captured, by span and by trace.
function makeCaptured(index, data) {
	const captured = index.captured;
	data.captured = captured;
	data.capturedCount = captured.time.length;
	data.capturedOf = new Map();
	data.capturedIn = new Map();
	captured.near.forEach((near, number) => {
		const span = captured.span[number];
		const add = (map, key) => map.set(key, [...(map.get(key) || []), number]);
		if (span) add(data.capturedOf, span - 1);
		if (near) add(data.capturedIn, data.traceOf[near - 1]);
	});
}

function makeData(index) {
	const spans = index.spans;
	const data = {
		texts: index.texts,
		files: index.files,
		broken: index.broken,
		made: index.made,
		services: index.services.map((text) => index.texts[text] || 'process'),
		pids: index.pids,
		tagSets: index.tagSets,
		traceIds: index.traceIds,
		baseMs: Number(BigInt(index.base) / 1000000n),
		baseNs: BigInt(index.base),
		count: spans.name.length,
		depth: Int32Array.from(spans.depth),
		name: Int32Array.from(spans.name),
		process: Int32Array.from(spans.process),
		kind: Uint8Array.from(spans.kind),
		status: Uint8Array.from(spans.status),
		http: Uint16Array.from(spans.http),
		start: Float64Array.from(spans.start),
		duration: Float64Array.from(spans.duration),
		tags: Int32Array.from(spans.tags),
		hint: Int32Array.from(spans.hint),
		error: Int32Array.from(spans.error),
	};
	makeTraces(index, data);
	data.parent = parentsOf(data.depth, data.first);
	makeCaptured(index, data);
	let end = 0;
	for (const value of data.traceEnd) end = Math.max(end, value);
	data.end = data.captured.time.reduce((a, b) => Math.max(a, b), end);
	data.details = null;
	return data;
}

const traceId = (data, trace) => data.traceIds.slice(32 * trace, 32 * trace + 32);
const spanName = (data, row) => data.texts[data.name[row]];
const spanHint = (data, row) => data.hint[row] ? data.texts[data.hint[row] - 1] : '';
const serviceOf = (data, row) => data.services[data.process[row]];
const msAt = (data, ns) => data.baseMs + ns / 1e6;

function processText(data, process) {
	const pid = data.pids[process];
	return pid ? `${data.services[process]}[${pid}]` : data.services[process];
}

// Nanoseconds since 1970, exactly.
const exactTime = (data, ns) => (data.baseNs + BigInt(Math.round(ns))).toString();

// The first row behind those below row.
function subtreeEnd(data, row) {
	const end = data.first[data.traceOf[row] + 1];
	let at = row + 1;
	while (at < end && data.depth[at] > data.depth[row]) at++;
	return at;
}

function tagsOf(data, row) {
	const set = data.tagSets[data.tags[row]];
	const tags = [];
	for (let i = 0; i < set.length; i += 2) tags.push([data.texts[set[i]], data.texts[set[i + 1]]]);
	return tags;
}

// Where each of count lists of attributes begins in a row of numbers.
function offsetsOf(numbers, shapes, count) {
	const offsets = new Int32Array(count + 1);
	for (let row = 0; row < count; row++)
		offsets[row + 1] = offsets[row] + 1 + shapes[numbers[offsets[row]]].length;
	return offsets;
}

// Entries of a row of numbers, by their first one: entry has size numbers before attributes.
function entriesOf(numbers, shapes, size) {
	const entries = new Map();
	for (let at = 0; at < numbers.length; at += size + 1 + shapes[numbers[at + size]].length) {
		if (!entries.has(numbers[at])) entries.set(numbers[at], []);
		entries.get(numbers[at]).push(at);
	}
	return entries;
}

// Rows of parents that are in another trace: what a program asked before it was known for
// which request may have been recorded under another trace by those whom it asked.
function parentsElsewhere(details, count) {
	const wanted = new Set(details.lost.values());
	const rows = new Map();
	for (let row = 0; wanted.size && row < count; row++) {
		const id = details.spanIds.slice(16 * row, 16 * row + 16);
		if (wanted.has(id)) rows.set(id, row);
	}
	return new Map([...details.lost].filter(([, id]) => rows.has(id)).map(([row, id]) => [row, rows.get(id)]));
}

function makeDetails(raw, data) {
	const details = { values: raw.values, shapes: raw.shapes, spanIds: raw.spanIds, rows: raw.rows,
		events: raw.events, links: raw.links, captured: raw.captured, resources: raw.resources };
	details.offsets = offsetsOf(raw.rows, raw.shapes, data.count);
	details.capturedOffsets = offsetsOf(raw.captured, raw.shapes, data.capturedCount);
	details.resourceOffsets = offsetsOf(raw.resources, raw.shapes, data.services.length);
	details.eventsOf = entriesOf(raw.events, raw.shapes, 3);
	details.linksOf = entriesOf(raw.links, raw.shapes, 4);
	details.lost = new Map();
	for (let i = 0; i < raw.lost.length; i += 2) details.lost.set(raw.lost[i], raw.lost[i + 1]);
	details.elsewhere = parentsElsewhere(details, data.count);
	return details;
}

// Calls use with the second block: at once, or when the browser has read that far.
function withDetails(data, use) {
	if (data.details) return use(data.details);
	if (document.readyState === 'loading')
		return document.addEventListener('DOMContentLoaded', () => withDetails(data, use), { once: true });
	data.details = makeDetails(block('details'), data);
	return use(data.details);
}

// [name, value] of the attributes that begin at numbers[at].
function attributesAt(details, numbers, at) {
	return details.shapes[numbers[at]].map((key, i) =>
		[details.values[key], details.values[numbers[at + 1 + i]]]);
}

const attributesOf = (details, row) => attributesAt(details, details.rows, details.offsets[row]);
const spanId = (details, row) => details.spanIds.slice(16 * row, 16 * row + 16);
