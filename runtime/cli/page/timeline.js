// timeline.js - which part of a trace's time is seen: a window, the small picture of the whole
// above it, and the marks of the scale.

const MINIMAP_HEIGHT = 54;
const LEAST_WINDOW = 100; // nanoseconds

class Timeline {
	// changed() is called when another part is to be seen.
	constructor(changed, lines) {
		this.changed = changed;
		this.lines = lines; // a node that is told where the marks are
		this.canvas = el('canvas', { height: MINIMAP_HEIGHT });
		this.shade = el('div', { class: 'window' });
		this.node = el('div', { class: 'minimap', title: 'Drag to see a part of it' }, this.canvas, this.shade);
		this.scale = el('div', { class: 'scale', 'aria-hidden': 'true' });
		new ResizeObserver(() => this.paint()).observe(this.node);
		this.listen();
	}

	open(data, trace) {
		Object.assign(this, { data, trace, total: Math.max(1, data.traceEnd[trace] - data.traceStart[trace]) });
		this.low = 0;
		this.high = this.total;
		this.paint();
		this.draw();
	}

	set(low, high) {
		const width = Math.max(Math.min(LEAST_WINDOW, this.total), Math.min(this.total, high - low));
		this.low = Math.max(0, Math.min(this.total - width, low));
		this.high = this.low + width;
		this.draw();
		this.changed();
	}

	zoom(factor, share = 0.5) {
		const width = (this.high - this.low) * factor;
		const middle = this.low + share * (this.high - this.low);
		this.set(middle - share * width, middle + (1 - share) * width);
	}

	move(share) {
		const by = share * (this.high - this.low);
		this.set(this.low + by, this.high + by);
	}

	// Percent of the window's width.
	percent(ns) {
		return 100 * (ns - this.low) / (this.high - this.low);
	}

	listen() {
		let from = null;
		const at = (event) => {
			const box = this.node.getBoundingClientRect();
			return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * this.total;
		};
		this.node.addEventListener('pointerdown', (event) => {
			from = at(event);
			this.node.setPointerCapture(event.pointerId);
		});
		this.node.addEventListener('pointermove', (event) => {
			if (from !== null && Math.abs(at(event) - from) > this.total / 200)
				this.set(Math.min(from, at(event)), Math.max(from, at(event)));
		});
		this.node.addEventListener('pointerup', () => { from = null; });
		this.node.addEventListener('dblclick', () => this.set(0, this.total));
	}

	// All spans, a line each, in the colours of their services.
	paint() {
		const width = this.node.clientWidth;
		if (!width || !this.data) return;
		const { data, trace } = this;
		const ratio = window.devicePixelRatio || 1;
		const rows = data.first[trace + 1] - data.first[trace];
		this.canvas.width = width * ratio;
		this.canvas.height = MINIMAP_HEIGHT * ratio;
		const context = this.canvas.getContext('2d');
		context.scale(ratio, ratio);
		const each = Math.min(5, (MINIMAP_HEIGHT - 4) / rows);
		const colours = new Map();
		const colour = (row) => {
			const key = data.status[row] === ERROR ? 'is-error' : serviceClass(serviceOf(data, row));
			if (!colours.has(key)) colours.set(key, colourOf(key, this.node));
			return colours.get(key);
		};
		for (let i = 0; i < rows; i++) {
			const row = data.first[trace] + i;
			context.fillStyle = colour(row);
			context.fillRect((data.start[row] - data.traceStart[trace]) / this.total * width, 2 + i * each,
				Math.max(1, data.duration[row] / this.total * width), Math.max(0.5, each - (each > 2 ? 1 : 0)));
		}
	}

	draw() {
		const marks = ticks(this.low, this.high, 6);
		this.lines.style.setProperty('--grid', marks.map((ns) => lineAt(this.percent(ns))).join(', '));
		this.shade.style.left = `${100 * this.low / this.total}%`;
		this.shade.style.width = `${100 * (this.high - this.low) / this.total}%`;
		this.node.classList.toggle('zoomed', this.high - this.low < this.total * 0.999);
		this.scale.replaceChildren(...marks.filter((ns) => this.percent(ns) < 96).map((ns) =>
			el('span', { style: { left: `${this.percent(ns)}%` } }, ns ? roundText(ns) : '0')));
	}
}

// One thin line, as a background.
const lineAt = (percent) => `linear-gradient(to right, transparent calc(${percent}% - 0.5px), var(--line) calc(${percent}% - 0.5px), ` +
	`var(--line) calc(${percent}% + 0.5px), transparent calc(${percent}% + 0.5px))`;

// The colour that a class has now, in the light or in the dark.
function colourOf(name, near) {
	const probe = el('i', { class: name, hidden: true });
	near.append(probe);
	const colour = getComputedStyle(probe).getPropertyValue('background-color');
	probe.remove();
	return colour;
}
