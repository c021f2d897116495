// stats.js - counting: percentiles, buckets of latency and of time, round numbers. Pure.

// Of sorted numbers, the smallest that at least the share p of them does not exceed.
function percentile(sorted, p) {
	return sorted.length ? sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(p * sorted.length) - 1))] : 0;
}

const sortedNumbers = (numbers) => Float64Array.from(numbers).sort();

// Buckets whose width grows with the latency: at most `most` of them, from 5 to 40 in a
// power of ten. Every number is in exactly one.
function latencyBuckets(sorted, most = 40) {
	if (!sorted.length) return [];
	const low = Math.log10(Math.max(1, sorted[0]));
	const high = Math.log10(Math.max(1, sorted[sorted.length - 1]));
	const each = [40, 20, 10, 5].find((n) => Math.floor(high * n) - Math.floor(low * n) < most) || 2;
	const first = Math.floor(low * each);
	const buckets = [];
	for (let i = first; i <= Math.floor(high * each); i++)
		buckets.push({ from: 10 ** (i / each), to: 10 ** ((i + 1) / each), count: 0 });
	for (const value of sorted)
		buckets[Math.min(buckets.length - 1, Math.floor(Math.log10(Math.max(1, value)) * each) - first)].count++;
	return buckets;
}

const ROUND_NS = [1e3, 1e4, 1e5, 1e6, 2e6, 5e6, 1e7, 2e7, 5e7, 1e8, 2e8, 5e8, 1e9, 2e9, 5e9, 10e9, 15e9, 30e9,
	60e9, 120e9, 300e9, 600e9, 900e9, 1800e9, 3600e9, 7200e9, 10800e9, 21600e9, 43200e9, 86400e9, 604800e9,
	2592000e9, 31536000e9];

// Buckets of a round number of nanoseconds from 0 to end, about `most` of them.
function timeBuckets(times, failed, end, most = 90) {
	const step = ROUND_NS.find((ns) => end / ns < most) || Math.max(1, end / most);
	const buckets = Array.from({ length: Math.floor(end / step) + 1 }, (_, i) =>
		({ from: i * step, to: (i + 1) * step, count: 0, errors: 0 }));
	times.forEach((time, i) => {
		const bucket = buckets[Math.max(0, Math.min(buckets.length - 1, Math.floor(time / step)))];
		bucket.count++;
		if (failed[i]) bucket.errors++;
	});
	return buckets;
}

// Round numbers from low to high, about count of them.
function ticks(low, high, count) {
	const raw = (high - low) / Math.max(1, count);
	if (!(raw > 0)) return [low];
	const power = 10 ** Math.floor(Math.log10(raw));
	const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= raw);
	const found = [];
	for (let at = Math.ceil(low / step) * step; at <= high && found.length < 1000; at += step) found.push(at);
	return found;
}

// What is said of a set of spans.
function summary(durations, errors, seconds) {
	const sorted = sortedNumbers(durations);
	return { count: sorted.length, errors, rate: sorted.length / Math.max(seconds, 1e-3), sorted,
		p50: percentile(sorted, 0.5), p90: percentile(sorted, 0.9), p99: percentile(sorted, 0.99),
		max: sorted.length ? sorted[sorted.length - 1] : 0 };
}

// Spans by service, name and kind, the most frequent first.
function groupNames(data) {
	const groups = new Map();
	for (let row = 0; row < data.count; row++) {
		const key = `${data.kind[row]} ${data.name[row]} ${data.services[data.process[row]]}`;
		if (!groups.has(key))
			groups.set(key, { service: serviceOf(data, row), name: spanName(data, row), kind: data.kind[row], rows: [], errors: 0 });
		const group = groups.get(key);
		group.rows.push(row);
		if (data.status[row] === ERROR) group.errors++;
	}
	const seconds = data.end / 1e9;
	return [...groups.values()].map((group) =>
		({ ...group, ...summary(group.rows.map((row) => data.duration[row]), group.errors, seconds) }))
		.sort((a, b) => b.count - a.count);
}
