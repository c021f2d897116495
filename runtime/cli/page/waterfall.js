// waterfall.js - one trace: its spans as a tree beside a time line, and the chosen span.

const INDENT = 14;
const DEEPEST = 20; // deeper spans are indented no further

const traceHref = (data, trace) => `#/trace/${traceId(data, trace)}`;
const spanHref = (data, row) => `${traceHref(data, data.traceOf[row])}/${row - data.first[data.traceOf[row]]}`;

function open_trace(data, trace) {
	location.hash = traceHref(data, trace);
}

class TraceView {
	constructor(data, root) {
		this.data = data;
		this.trace = -1;
		this.folded = new Set();
		this.title = el('div', { class: 'trace-title' });
		this.list = new VirtualList({ id: 'spans', role: 'tree', rowRole: 'treeitem', rowHeight: 26, label: 'Spans',
			draw: (index, node) => this.draw(index, node), choose: (index) => this.choose(index),
			activate: () => this.panel.focus(), key: (event, index) => this.key(event, index) });
		this.timeline = new Timeline(() => this.list.redraw(), this.list.node);
		this.panel = el('aside', { class: 'panel', id: 'panel', tabindex: 0, 'aria-label': 'The chosen span' });
		const button = (text, title, act) => el('button', { type: 'button', title, 'aria-label': title, onclick: act }, text);
		const tools = el('div', { class: 'tools' }, button('+', 'Closer (+)', () => this.timeline.zoom(0.5)),
			button('\u2212', 'Farther (\u2212)', () => this.timeline.zoom(2)),
			button('Whole', 'The whole trace (0)', () => this.timeline.set(0, this.timeline.total)),
			button('Fold', 'Only roots', () => this.fold(true)), button('Unfold', 'All spans', () => this.fold(false)));
		this.list.node.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
		this.list.node.addEventListener('dblclick', (event) => this.double(event));
		root.append(this.title, el('div', { class: 'trace-body' },
			el('div', { class: 'waterfall' },
				el('div', { class: 'span-row head' }, el('div', { class: 'tree' }, tools), el('div', { class: 'track' }, this.timeline.node, this.timeline.scale)),
				this.list.node), this.panel));
	}

	open(trace, offset) {
		const data = this.data;
		const first = data.first[trace];
		const rows = data.first[trace + 1] - first;
		const row = first + Math.max(0, Math.min(rows - 1, offset || 0));
		if (trace !== this.trace) {
			this.trace = trace;
			this.folded.clear();
			this.draw_title();
			this.timeline.open(data, trace);
			this.list.node.scrollTop = 0;
		}
		for (let above = data.parent[row]; above >= 0; above = data.parent[above]) this.folded.delete(above);
		this.arrange(row);
		this.list.select(this.rows.indexOf(row));
		if (!this.panel.contains(document.activeElement)) this.list.node.focus({ preventScroll: true });
	}

	draw_title() {
		const { data, trace } = this;
		const root = data.first[trace];
		const services = counted(Array.from(data.process.subarray(root, data.first[trace + 1]), (process) => data.services[process]));
		const errors = data.traceErrors[trace];
		const other = (by, text, title) => el('a', { class: 'step', title, href: trace + by >= 0 && trace + by < data.traces ? traceHref(data, trace + by) : null }, text);
		this.title.replaceChildren(el('div', {}, el('a', { class: 'back', href: '#/traces', title: 'Back to the list (Escape)' }, '\u2190 Traces'),
			el('h1', {}, statusChip(data, root), ' ', el('bdi', {}, cut(spanName(data, root), 160)), ' ', el('bdi', { class: 'hint' }, cut(spanHint(data, root), 160)))),
			el('div', { class: 'sums' }, el('span', {}, el('b', {}, durationText(data.traceEnd[trace] - data.traceStart[trace]))),
				el('span', {}, plural(data.first[trace + 1] - root, 'span')), errors > 0 && el('span', { class: 'bad' }, plural(errors, 'error')),
				el('span', {}, `${dateText(msAt(data, data.traceStart[trace]))} ${clockText(msAt(data, data.traceStart[trace]), true)}`),
				el('span', {}, services.slice(0, 8).map(chip)), el('span', {}, copyable(traceId(data, trace))),
				other(-1, '\u2039 earlier', 'The trace before'), other(1, 'later \u203a', 'The trace after')),
			...(data.capturedIn.get(trace) || []).slice(0, 5).map((number) => capturedLine(data, number)));
	}

	// The rows that are not folded away.
	arrange(chosen) {
		const { data, trace } = this;
		this.rows = [];
		for (let row = data.first[trace]; row < data.first[trace + 1];) {
			this.rows.push(row);
			row = this.folded.has(row) ? subtreeEnd(data, row) : row + 1;
		}
		this.list.setCount(this.rows.length, Math.max(0, this.rows.indexOf(chosen)));
	}

	fold(all) {
		const { data, trace } = this;
		this.folded.clear();
		for (let row = data.first[trace]; all && row < data.first[trace + 1]; row++)
			if (this.has_children(row)) this.folded.add(row);
		this.arrange(data.first[trace]);
		this.list.select(0);
	}

	toggle(row) {
		if (!this.folded.delete(row)) this.folded.add(row);
		this.arrange(row);
		this.list.select(this.rows.indexOf(row), true);
	}

	has_children(row) {
		return row + 1 < this.data.count && this.data.parent[row + 1] === row;
	}

	draw(index, node) {
		const { data, timeline } = this;
		const row = this.rows[index];
		const start = data.start[row] - data.traceStart[this.trace];
		const [left, right] = [timeline.percent(start), timeline.percent(start + data.duration[row])];
		const service = serviceOf(data, row);
		const twisty = this.has_children(row) ? el('button', { type: 'button', class: 'twisty', tabindex: -1, 'aria-label': 'Fold',
			onclick: () => this.toggle(row) }, this.folded.has(row) ? '\u25b8' : '\u25be') : el('i', { class: 'twisty' });
		node.classList.add('span-row');
		node.classList.toggle('failed', data.status[row] === ERROR);
		node.setAttribute('aria-level', data.depth[row] + 1);
		node.dataset.row = row;
		if (this.has_children(row)) node.setAttribute('aria-expanded', !this.folded.has(row));
		const shown = right >= 0 && left <= 100;
		const label = el('span', { class: right > 82 && left > 18 ? 'label before' : right > 82 ? 'label inside' : 'label',
			style: right > 82 && left > 18 ? { right: `${100 - left}%` } : { left: `${right > 82 ? Math.max(0, left) : right}%` } }, durationText(data.duration[row]));
		node.append(el('div', { class: 'tree', style: { paddingLeft: `${8 + INDENT * Math.min(DEEPEST, data.depth[row])}px` } }, twisty,
			el('i', { class: `dot ${serviceClass(service)}`, title: cut(service, 100) }),
			el('bdi', { class: 'main' }, cut(spanName(data, row), 160)), ' ', statusChip(data, row), el('bdi', { class: 'hint' }, cut(spanHint(data, row), 160))),
		el('div', { class: 'track' }, shown && el('div', { class: `span-bar ${serviceClass(service)}`,
			style: { left: `${Math.max(0, left)}%`, width: `${Math.max(0, Math.min(100, right) - Math.max(0, left))}%` } }), shown && label, this.marks(row)));
	}

	// Where on its bar something was captured.
	marks(row) {
		const { data, timeline } = this;
		return (data.capturedOf.get(row) || []).map((number) => el('a', { class: `mark ${levelClass(data.captured.severity[number])}`, href: `#/events/${number}`,
			title: cut(data.texts[data.captured.text[number]], 200), 'aria-label': 'What was captured here',
			style: { left: `${Math.max(0, Math.min(100, timeline.percent(data.captured.time[number] - data.traceStart[this.trace])))}%` } }));
	}

	choose(index) {
		const { data } = this;
		const row = this.rows[index];
		const there = spanHref(data, row);
		if (location.hash !== there) history.replaceState(null, '', there);
		withDetails(data, (details) => {
			this.panel.replaceChildren(...spanPanel(data, details, row));
			this.panel.scrollTop = 0;
		});
	}

	key(event, index) {
		const { data, timeline } = this;
		const row = this.rows[index];
		const acts = {
			ArrowLeft: () => this.has_children(row) && !this.folded.has(row) ? this.toggle(row) :
				data.parent[row] >= 0 && this.list.select(this.rows.indexOf(data.parent[row])),
			ArrowRight: () => this.folded.has(row) ? this.toggle(row) : this.list.select(index + 1),
			'+': () => timeline.zoom(0.5), '=': () => timeline.zoom(0.5), '-': () => timeline.zoom(2),
			0: () => timeline.set(0, timeline.total), a: () => timeline.move(-0.25), d: () => timeline.move(0.25),
			z: () => this.zoom_to(row),
		};
		if (!Object.hasOwn(acts, event.key)) return false;
		acts[event.key]();
		event.preventDefault();
		return true;
	}

	zoom_to(row) {
		const start = this.data.start[row] - this.data.traceStart[this.trace];
		const room = this.data.duration[row] * 0.05 + 1;
		this.timeline.set(start - room, start + this.data.duration[row] + room);
	}

	wheel(event) {
		const track = event.target.closest('.track');
		if (!event.ctrlKey || !track) return;
		const box = track.getBoundingClientRect();
		event.preventDefault();
		this.timeline.zoom(event.deltaY > 0 ? 1.25 : 0.8, (event.clientX - box.left) / box.width);
	}

	double(event) {
		const node = event.target.closest('.track') && event.target.closest('.row');
		if (node) this.zoom_to(Number(node.dataset.row));
	}
}
