// virtual.js - a list of any length that has only the rows that can be seen.
//
// The list keeps the keyboard: arrows, page up and down, home, end, enter. For a printer it
// has its first rows, all at once.

const PRINTED_ROWS = 400;
const SPARE_ROWS = 6;

class VirtualList {
	// options: id, role, rowRole, rowHeight, label, draw(index, node), choose(index),
	// activate(index), key(event, index) -> true when it was for it
	constructor(options) {
		Object.assign(this, { count: 0, active: -1, printing: false, ...options });
		this.spacer = el('div', { class: 'spacer', role: 'presentation' });
		this.node = el('div', { class: 'virtual', id: this.id, role: this.role || 'listbox', tabindex: 0,
			'aria-label': this.label, onscroll: () => this.later(), onkeydown: (event) => this.keydown(event),
			onclick: (event) => this.clicked(event) }, this.spacer);
		this.drawn = new Map();
		new ResizeObserver(() => this.later()).observe(this.node);
		window.addEventListener('beforeprint', () => this.print(true));
		window.addEventListener('afterprint', () => this.print(false));
	}

	setCount(count, active = -1) {
		this.count = count;
		this.active = Math.min(active, count - 1);
		this.spacer.style.height = `${count * this.rowHeight}px`;
		this.redraw();
	}

	print(on) {
		this.printing = on;
		this.node.classList.toggle('printing', on);
		this.redraw();
	}

	later() {
		if (this.waiting) return;
		this.waiting = true;
		requestAnimationFrame(() => {
			this.waiting = false;
			this.draw_rows();
		});
	}

	redraw() {
		this.drawn.forEach((row) => row.remove());
		this.drawn.clear();
		this.draw_rows();
	}

	range() {
		if (this.printing) return [0, Math.min(this.count, PRINTED_ROWS)];
		const top = Math.floor(this.node.scrollTop / this.rowHeight) - SPARE_ROWS;
		const fit = Math.ceil((this.node.clientHeight || 600) / this.rowHeight) + 2 * SPARE_ROWS;
		return [Math.max(0, top), Math.min(this.count, top + fit)];
	}

	draw_rows() {
		const [from, to] = this.range();
		for (const [index, row] of this.drawn)
			if (index < from || index >= to) {
				row.remove();
				this.drawn.delete(index);
			}
		for (let index = from; index < to; index++)
			if (!this.drawn.has(index)) this.drawn.set(index, this.make_row(index));
		this.mark();
	}

	make_row(index) {
		const row = el('div', { class: 'row', role: this.rowRole || 'option', id: `${this.id}-${index}`,
			'aria-setsize': this.count, 'aria-posinset': index + 1, style: { top: `${index * this.rowHeight}px`, height: `${this.rowHeight}px` } });
		row.dataset.index = index;
		this.draw(index, row);
		this.spacer.append(row);
		return row;
	}

	mark() {
		this.drawn.forEach((row, index) => row.setAttribute('aria-selected', index === this.active));
		if (this.drawn.has(this.active)) this.node.setAttribute('aria-activedescendant', `${this.id}-${this.active}`);
		else this.node.removeAttribute('aria-activedescendant');
	}

	show(index) {
		const top = index * this.rowHeight;
		const low = top + this.rowHeight - this.node.clientHeight;
		if (this.node.scrollTop > top) this.node.scrollTop = top;
		else if (this.node.scrollTop < low) this.node.scrollTop = low;
	}

	select(index, quiet) {
		if (!this.count) return;
		this.active = Math.max(0, Math.min(this.count - 1, index));
		this.show(this.active);
		this.draw_rows();
		if (!quiet && this.choose) this.choose(this.active);
	}

	clicked(event) {
		const row = event.target.closest('.row');
		if (!row || event.target.closest('a, button')) return;
		this.select(Number(row.dataset.index));
		if (this.activate) this.activate(this.active);
	}

	keydown(event) {
		if (event.ctrlKey || event.metaKey || event.altKey || (this.key && this.key(event, this.active))) return;
		const page = Math.max(1, Math.floor(this.node.clientHeight / this.rowHeight) - 1);
		const moves = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
		if (event.key in moves) {
			const to = this.active + moves[event.key];
			this.select(to === -Infinity ? 0 : to === Infinity ? this.count - 1 : to);
		} else if (event.key === 'Enter' && this.active >= 0 && this.activate) {
			this.activate(this.active);
		} else {
			return;
		}
		event.preventDefault();
	}
}
