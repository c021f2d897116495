// traces.js - the list of traces.

const HUES = 10;
const SHOWN_SERVICES = 4;

// The same service has the same colour everywhere.
function hueOf(name) {
	let hash = 7;
	for (let i = 0; i < name.length; i++) hash = (hash * 31 + name.charCodeAt(i)) >>> 0;
	return hash % HUES;
}

// Whoever comes first has a colour to itself: few services never share one.
const hues = new Map();
function serviceClass(name) {
	if (!hues.has(name)) hues.set(name, hues.size < HUES ? hues.size : hueOf(name));
	return `hue-${hues.get(name)}`;
}

const chip = (name) => el('span', { class: `service ${serviceClass(name)}`, title: cut(name, 200) }, cut(name, 40));

function statusChip(data, row) {
	const code = data.http[row];
	if (code) return el('span', { class: `code code-${Math.floor(code / 100)}` }, code);
	if (data.status[row] === ERROR) return el('span', { class: 'code code-5' }, 'ERR');
	return null;
}

class TracesView {
	constructor(data, root) {
		this.data = data;
		this.order = { key: 'time', down: true };
		this.wanted = {};
		this.bar = new FilterBar(data, (wanted) => this.filter(wanted));
		this.overview = el('div', { class: 'overview' });
		this.count = el('span', { class: 'found', id: 'found', role: 'status' });
		this.head = el('div', { class: 'trace-row head' }, this.headings());
		this.list = new VirtualList({ id: 'traces', rowHeight: 34, label: 'Traces', draw: (index, node) => this.draw(index, node),
			activate: (index) => open_trace(data, this.shown[index]) });
		root.append(this.bar.node, el('div', { class: 'band' }, this.overview), el('div', { class: 'list-line' }, this.count), this.head, this.list.node);
		this.filter({});
	}

	headings() {
		const heading = (key, text) => el('button', { type: 'button', class: `col-${key}`, 'data-key': key,
			onclick: () => this.sort(key) }, text);
		return [heading('time', 'Time'), el('span', {}, 'Status'), heading('name', 'Trace'), el('span', { class: 'col-services' }, 'Services'),
			heading('spans', 'Spans'), heading('duration', 'Duration')];
	}

	sort(key) {
		this.order = { key, down: this.order.key === key ? !this.order.down : key !== 'name' };
		this.arrange();
	}

	filter(wanted) {
		const apply = (details) => {
			this.wanted = wanted;
			this.found = filterTraces(this.data, wanted, details);
			this.arrange();
			this.draw_overview();
		};
		if (wanted.text) withDetails(this.data, apply);
		else apply(null);
	}

	arrange() {
		const data = this.data;
		const keys = { time: (trace) => data.traceStart[trace], duration: (trace) => data.traceEnd[trace] - data.traceStart[trace],
			spans: (trace) => data.first[trace + 1] - data.first[trace] };
		const down = this.order.down ? -1 : 1;
		const key = keys[this.order.key];
		this.shown = [...this.found];
		if (key) this.shown.sort((a, b) => down * (key(a) - key(b)) || down * (a - b));
		else this.shown.sort((a, b) => down * (spanName(data, data.first[a]) < spanName(data, data.first[b]) ? -1 : 1));
		this.longest = this.shown.reduce((most, trace) => Math.max(most, keys.duration(trace)), 1);
		for (const button of this.head.querySelectorAll('button'))
			button.dataset.order = button.dataset.key === this.order.key ? (this.order.down ? 'down' : 'up') : '';
		this.count.replaceChildren(this.shown.length === data.traces ? plural(data.traces, 'trace') :
			`${grouped(this.shown.length)} of ${plural(data.traces, 'trace')}`);
		this.list.node.scrollTop = 0;
		this.list.setCount(this.shown.length, this.shown.length ? 0 : -1);
		this.list.node.classList.toggle('empty-list', !this.shown.length);
		this.list.node.dataset.empty = data.traces ? 'No trace is what you asked for.' : 'There are no traces in this report.';
	}

	draw_overview() {
		const data = this.data;
		if (!data.traces) return this.overview.replaceChildren();
		const times = this.found.map((trace) => data.traceStart[trace]);
		const failed = this.found.map((trace) => data.traceErrors[trace] > 0);
		const { node, step } = timeChart(data, times, failed, { label: 'Traces over time', range: (from, to) => this.bar.setRange({ from, to }) });
		return this.overview.replaceChildren(el('div', { class: 'caption' }, `Traces per ${roundText(step)}`,
			el('span', { class: 'hint' }, 'drag to choose a time')), node);
	}

	draw(index, node) {
		const data = this.data;
		const trace = this.shown[index];
		const root = data.first[trace];
		const duration = data.traceEnd[trace] - data.traceStart[trace];
		const services = new Set();
		for (let row = root; row < data.first[trace + 1] && services.size <= SHOWN_SERVICES; row++) services.add(serviceOf(data, row));
		const names = [...services];
		const errors = data.traceErrors[trace];
		const events = data.capturedIn.get(trace) || [];
		const worst = events.some((number) => data.captured.severity[number] >= 21) ? 'crash' : events.length ? 'event' : '';
		node.classList.add('trace-row');
		node.classList.toggle('failed', errors > 0);
		node.append(
			el('span', { class: 'when', title: `${dateText(msAt(data, data.traceStart[trace]))}` }, clockText(msAt(data, data.traceStart[trace]), true)),
			el('span', { class: 'state' }, statusChip(data, root) || (errors ? el('span', { class: 'code code-5', title: plural(errors, 'span') + ' with an error' }, 'ERR') : el('span', { class: 'code code-0' }, 'ok'))),
			el('span', { class: 'name' }, el('bdi', { class: 'main' }, cut(spanName(data, root), 200)), ' ',
				el('bdi', { class: 'hint' }, cut(spanHint(data, root), 200)),
				worst && el('span', { class: `flag ${worst}` }, worst === 'crash' ? 'crash' : plural(events.length, 'event'))),
			el('span', { class: 'col-services' }, names.slice(0, SHOWN_SERVICES).map(chip), names.length > SHOWN_SERVICES && '\u2026'),
			el('span', { class: 'number' }, grouped(data.first[trace + 1] - root)),
			el('span', { class: 'lasted' }, el('i', { style: { width: `${Math.max(1, 100 * duration / this.longest)}%` } }), el('b', {}, durationText(duration))));
	}

	focus() {
		this.list.redraw();
		this.list.node.focus({ preventScroll: true });
	}
}
