// SPDX-License-Identifier: MIT
'use strict';
/*
 * scripts.js - the page's files that count and arrange, without a page.
 */
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');

const PAGE = path.join(__dirname, '../../runtime/cli/page');
const FILES = ['text.js', 'data.js', 'stats.js', 'filter.js', 'calls.js', 'layout.js'];
const WANTED = ['percentile', 'latencyBuckets', 'timeBuckets', 'ticks', 'nameTest', 'readDuration', 'durationText', 'layoutMap',
	'ranksOf', 'parentsOf', 'visible', 'grouped', 'shareText'];
const source = FILES.map((name) => fs.readFileSync(path.join(PAGE, name), 'utf8')).join('\n');
const page = new Function(`'use strict';\n${source}\nreturn { ${WANTED.join(', ')} };`)();
const sum = (buckets) => buckets.reduce((total, bucket) => total + bucket.count, 0);

// Percentiles by the nearest rank.
const hundred = Array.from({ length: 100 }, (_, i) => i + 1);
assert.deepStrictEqual([0.5, 0.9, 0.99, 1].map((p) => page.percentile(hundred, p)), [50, 90, 99, 100]);
assert.strictEqual(page.percentile([], 0.5), 0);
assert.strictEqual(page.percentile([7], 0.01), 7);

// Every number is in exactly one bucket, whatever the numbers are.
for (const numbers of [[0], [1, 1, 1], [1, 1e18], [5, 50, 500, 5e9], Array.from({ length: 5000 }, (_, i) => (i * 7919) % 100003)]) {
	const buckets = page.latencyBuckets(Float64Array.from(numbers).sort());
	assert.strictEqual(sum(buckets), numbers.length);
	assert.ok(buckets.length < 120, `${buckets.length} buckets`);
}
for (const end of [0, 1, 999, 1e9, 86400e9 * 400, 1.8e19])
	assert.strictEqual(sum(page.timeBuckets([0, end / 2, end], [0, 1, 0], end)), 3);
assert.ok(page.ticks(0, 1.8e19, 6).length < 20 && page.ticks(5, 5, 6).length === 1);

// Names are matched as `tagalong show` does.
const fits = (pattern, name) => page.nameTest(pattern)(name);
assert.ok(fits('cart', 'GET /cart/*') && fits('GET*', 'GET /x') && !fits('GET', 'POST') && !fits('ET*', 'GET'));
assert.ok(fits('a?c', 'abc') && !fits('a?c', 'abbc') && fits('a.c*', 'a.c') && !fits('a.c*', 'abc') && fits('*\n*', 'a\nb'));

// Durations, read and written.
assert.deepStrictEqual(['5ms', '1.5 s', '250us', '7', '3 h', '.5s'].map(page.readDuration), [5e6, 1.5e9, 250e3, 7e6, 10800e9, 5e8]);
for (const wrong of ['', 'ms', '5 parsecs', '-1s', '5constructor', '1e3s']) assert.ok(Number.isNaN(page.readDuration(wrong)), wrong);
assert.strictEqual(page.durationText(1234567), '1.23 ms');
assert.deepStrictEqual([0, 999, 1000, 1234567].map(page.grouped), ['0', '999', '1,000', '1,234,567']);
assert.strictEqual(page.visible('a\u202eb'), 'a\u2039202E\u203ab');

// A tree out of depths.
assert.deepStrictEqual([...page.parentsOf([0, 1, 2, 1, 0, 1], [0, 4, 6])], [-1, 0, 1, 0, -1, 4]);

// Callers stand left of whom they call; rings end; no box on another.
const nodes = ['a', 'b', 'c', 'd', 'e'].map((key) => ({ key, kind: 'service', name: key }));
const edge = (from, to) => ({ from: nodes[from], to: nodes[to] });
const edges = [edge(0, 1), edge(1, 2), edge(0, 2), edge(2, 0), edge(3, 3), edge(2, 4), edge(0, 4)];
page.layoutMap(nodes, edges);
assert.ok(nodes[0].x < nodes[1].x && nodes[1].x < nodes[2].x && nodes[2].x < nodes[4].x);
assert.strictEqual(new Set(nodes.map((node) => `${node.x} ${node.y}`)).size, nodes.length);
const many = Array.from({ length: 300 }, (_, i) => ({ key: `n${i}`, kind: 'service' }));
page.layoutMap(many, many.flatMap((from, i) => [1, 7, 31].map((by) => ({ from, to: many[(i * 3 + by) % 300] }))));
assert.ok(many.every((node) => Number.isFinite(node.x) && Number.isFinite(node.y)));
