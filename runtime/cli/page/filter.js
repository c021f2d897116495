// filter.js - which traces a reader asked for. Pure.
//
// As with `tagalong show`: a trace fits, as a whole, when one of its spans meets every
// condition. The words of a search may be found in different spans of it.

// Contains pattern, or matches all of it with * and ?.
function nameTest(pattern) {
	if (!/[*?]/.test(pattern)) return (name) => name.includes(pattern);
	const source = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '[^]*').replace(/\?/g, '[^]');
	const wanted = new RegExp(`^${source}$`, 'u');
	return (name) => wanted.test(name);
}

const testAll = (texts, test) => Uint8Array.from(texts, (text) => test(text) ? 1 : 0);

// Which sets of tags have it: "key" or "key=value", with * and ? as in names.
function tagTest(data, wanted) {
	const [key, value] = wanted.includes('=') ? [wanted.slice(0, wanted.indexOf('=')), wanted.slice(wanted.indexOf('=') + 1)] :
		[wanted, null];
	const fits = (test, text) => /[*?]/.test(test) ? nameTest(test)(text) : text === test;
	return Uint8Array.from(data.tagSets, (set) => {
		for (let i = 0; i < set.length; i += 2)
			if (fits(key, data.texts[set[i]]) && (value === null || fits(value, data.texts[set[i + 1]]))) return 1;
		return 0;
	});
}

function statusTest(data, status) {
	if (status === 'error') return (row) => data.status[row] === ERROR;
	if (status === 'ok') return (row) => data.status[row] !== ERROR;
	const hundreds = Number(status[0]); // "4xx"
	return (row) => Math.floor(data.http[row] / 100) === hundreds;
}

// The conditions on one span, as a list of functions of its row.
function spanTests(data, wanted) {
	const tests = [];
	if (wanted.service) tests.push((row) => data.services[data.process[row]] === wanted.service);
	if (wanted.name) {
		const names = testAll(data.texts, nameTest(wanted.name));
		tests.push((row) => names[data.name[row]]);
	}
	if (wanted.status) tests.push(statusTest(data, wanted.status));
	if (wanted.minNs) tests.push((row) => data.duration[row] >= wanted.minNs);
	if (wanted.tag) {
		const sets = tagTest(data, wanted.tag);
		tests.push((row) => sets[data.tags[row]]);
	}
	return tests;
}

// Whether a word stands in what is known of a span; with details in its attributes, too.
function wordTest(data, word, details) {
	const has = (text) => String(text).toLowerCase().includes(word);
	const texts = testAll(data.texts, has);
	const services = testAll(data.services, has);
	const sets = Uint8Array.from(data.tagSets, (set) => set.some((text) => texts[text]) ? 1 : 0);
	const values = details && testAll(details.values, (value) =>
		has(typeof value === 'object' ? JSON.stringify(value) : value));
	const inAttributes = (row) => {
		for (let at = details.offsets[row] + 1; at < details.offsets[row + 1]; at++)
			if (values[details.rows[at]]) return true;
		return false;
	};
	return (row) => texts[data.name[row]] || (data.hint[row] && texts[data.hint[row] - 1]) ||
		services[data.process[row]] || sets[data.tags[row]] ||
		(data.error[row] && texts[data.error[row] - 1]) || (details && inAttributes(row));
}

function capturedTest(data, word) {
	const texts = testAll(data.texts, (text) => text.toLowerCase().includes(word));
	return (trace) => (data.capturedIn.get(trace) || []).some((number) => texts[data.captured.text[number]]);
}

function someSpan(data, trace, test) {
	for (let row = data.first[trace]; row < data.first[trace + 1]; row++)
		if (test(row)) return true;
	return false;
}

// The numbers of the traces that fit, in their order.
function filterTraces(data, wanted, details) {
	const tests = spanTests(data, wanted);
	const words = (wanted.text || '').toLowerCase().split(/\s+/).filter(Boolean).map((word) =>
		({ word, span: wordTest(data, word, details), captured: capturedTest(data, word) }));
	const found = [];
	for (let trace = 0; trace < data.traces; trace++) {
		if (wanted.from !== undefined && (data.traceStart[trace] < wanted.from || data.traceStart[trace] >= wanted.to)) continue;
		if (tests.length && !someSpan(data, trace, (row) => tests.every((test) => test(row)))) continue;
		if (words.every(({ word, span, captured }) =>
			traceId(data, trace).startsWith(word) || captured(trace) || someSpan(data, trace, span)))
			found.push(trace);
	}
	return found;
}
