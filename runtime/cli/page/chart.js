// chart.js - bars over time or latency, drawn anew for every width.

const CHART_FOOT = 18;

// A node whose content draw(width) makes whenever its width changes.
function sized(attributes, draw) {
	const node = el('div', attributes);
	let last = 0;
	const again = () => {
		const width = Math.floor(node.clientWidth);
		if (!width || width === last) return;
		last = width;
		node.replaceChildren(draw(width));
	};
	new ResizeObserver(again).observe(node);
	return node;
}

// Dragging over bars calls pick(first, last) with the numbers of the bars.
function brush(picture, count, width, pick) {
	const at = (event) => Math.max(0, Math.min(count - 1,
		Math.floor((event.clientX - picture.getBoundingClientRect().left) / width * count)));
	const shade = svg('rect', { class: 'brush', y: 0, height: '100%', width: 0 });
	let from = -1;
	picture.append(shade);
	picture.addEventListener('pointerdown', (event) => {
		from = at(event);
		picture.setPointerCapture(event.pointerId);
	});
	picture.addEventListener('pointermove', (event) => {
		if (from < 0) return;
		const [low, high] = [Math.min(from, at(event)), Math.max(from, at(event))];
		shade.setAttribute('x', low / count * width);
		shade.setAttribute('width', (high - low + 1) / count * width);
	});
	picture.addEventListener('pointerup', (event) => {
		if (from < 0) return;
		pick(Math.min(from, at(event)), Math.max(from, at(event)));
		from = -1;
	});
}

// buckets: {count, errors?}; axis(width) and lines: [share of the width, text] below or above.
function barChart({ buckets, height, label, title, axis, lines = [], pick }) {
	const most = Math.max(1, ...buckets.map((bucket) => bucket.count));
	const room = height - CHART_FOOT - 4;
	return sized({ class: 'chart', style: { height: `${height}px` } }, (width) => {
		const each = width / buckets.length;
		const bar = (bucket, i) => {
			const tall = bucket.count ? Math.max(1.5, bucket.count / most * room) : 0;
			const bad = bucket.errors ? Math.max(1.5, bucket.errors / most * room) : 0;
			const x = i * each + Math.min(1, each / 8);
			const wide = Math.max(0.5, each - Math.min(2, each / 4));
			return svg('g', { class: 'bar' }, svg('title', {}, title(bucket)),
				svg('rect', { class: 'hit', x: i * each, y: 0, width: each, height: height - CHART_FOOT }),
				svg('rect', { class: 'good', x, y: height - CHART_FOOT - tall, width: wide, height: Math.max(0, tall - bad), rx: Math.min(2, wide / 3) }),
				bad > 0 && svg('rect', { class: 'bad', x, y: height - CHART_FOOT - bad, width: wide, height: bad }));
		};
		const anchor = (share) => share < 0.06 ? 'start' : share > 0.94 ? 'end' : 'middle';
		const picture = svg('svg', { width, height, role: 'img', 'aria-label': label },
			svg('line', { class: 'axis', x1: 0, x2: width, y1: height - CHART_FOOT + 0.5, y2: height - CHART_FOOT + 0.5 }),
			buckets.map(bar),
			axis(width).map(([share, text]) => svg('text', { class: 'tick', x: share * width, y: height - 4, 'text-anchor': anchor(share) }, text)),
			lines.map(([share, text]) => svg('g', { class: 'line' },
				svg('line', { x1: share * width, x2: share * width, y1: 12, y2: height - CHART_FOOT }),
				svg('text', { x: share * width, y: 9, 'text-anchor': anchor(share) }, text))));
		if (pick) brush(picture, buckets.length, width, pick);
		return picture;
	});
}

function timeChart(data, times, failed, options) {
	const buckets = timeBuckets(times, failed, data.end);
	const step = buckets[0].to - buckets[0].from;
	const span = buckets.length * step;
	const withMs = span < 20e9;
	const title = (bucket) => `${clockText(msAt(data, bucket.from), true)}: ${plural(bucket.count, 'request')}` +
		`${bucket.errors ? `, ${plural(bucket.errors, 'error')}` : ''} in ${roundText(step)}`;
	// Round by the clock, not by the first trace.
	const shift = (data.baseMs % 3600e3) * 1e6;
	const axis = (width) => ticks(shift, shift + span, Math.min(6, width / 120)).map((ns) => ns - shift).filter((ns) => ns < span * 0.97)
		.map((ns) => [ns / span, clockText(Math.round(msAt(data, ns)), withMs)]);
	return { buckets, step, node: barChart({ buckets, title, axis, height: 84, ...options,
		pick: options.range && ((first, last) => options.range(buckets[first].from, buckets[last].to)) }) };
}

function latencyChart(stats, options) {
	const buckets = latencyBuckets(stats.sorted);
	const low = Math.log10(buckets[0].from);
	const high = Math.log10(buckets[buckets.length - 1].to);
	const share = (ns) => Math.max(0, Math.min(1, (Math.log10(Math.max(1, ns)) - low) / (high - low)));
	const title = (bucket) => `${durationText(bucket.from)} to ${durationText(bucket.to)}: ${grouped(bucket.count)}`;
	const marks = [];
	for (let power = Math.floor(low); power <= high; power++)
		for (const n of high - low > 2 ? [1] : [1, 2, 5])
			if (Math.log10(n) + power >= low && Math.log10(n) + power <= high)
				marks.push([share(n * 10 ** power), roundText(n * 10 ** power)]);
	const lines = stats.p99 > stats.p50 * 1.05 ? [[share(stats.p50), 'p50'], [share(stats.p99), 'p99']] : [[share(stats.p50), 'p50']];
	return { buckets, node: barChart({ buckets, title, axis: () => marks, lines, height: 130, ...options,
		pick: options.range && ((first, last) => options.range(buckets[first].from, buckets[last].to)) }) };
}
