// bar.js - the row of fields that says which traces are listed.

const STATUSES = [['', 'any status'], ['error', 'errors'], ['ok', 'no error'], ['2xx', 'HTTP 2xx'], ['3xx', 'HTTP 3xx'],
	['4xx', 'HTTP 4xx'], ['5xx', 'HTTP 5xx']];
const SUGGESTIONS = 300;

function counted(items) {
	const counts = new Map();
	for (const item of items) counts.set(item, (counts.get(item) || 0) + 1);
	return [...counts].sort((a, b) => b[1] - a[1]).map(([item]) => item);
}

// Numbers below limit, those that are there most often first.
function byCount(numbers, limit) {
	const counts = new Int32Array(limit);
	for (const number of numbers) counts[number]++;
	return [...counts.keys()].filter((number) => counts[number]).sort((a, b) => counts[b] - counts[a]);
}

function suggestions(id, texts) {
	return el('datalist', { id }, texts.slice(0, SUGGESTIONS).map((text) => el('option', { value: cut(text, 200) })));
}

function allTags(data) {
	const found = [];
	for (const set of data.tagSets)
		for (let i = 0; i < set.length; i += 2) found.push(`${data.texts[set[i]]}=${data.texts[set[i + 1]]}`);
	return counted(found);
}

// changed(wanted) is called with what filterTraces() takes.
class FilterBar {
	constructor(data, changed) {
		const services = [...new Set(data.services)].sort();
		const names = byCount(data.name, data.texts.length).slice(0, SUGGESTIONS).map((name) => data.texts[name]);
		const field = (name, node) => {
			this[name] = node;
			node.addEventListener(node.tagName === 'SELECT' ? 'change' : 'input', () => this.later());
			return node;
		};
		this.changed = changed;
		this.range = null;
		this.chip = el('button', { type: 'button', class: 'chip', hidden: true, title: 'All times again', onclick: () => this.setRange(null) });
		this.reset = el('button', { type: 'button', class: 'quiet', onclick: () => this.set({}) }, 'Reset');
		this.node = el('form', { class: 'filters', role: 'search', onsubmit: (event) => event.preventDefault() },
			field('text', el('input', { type: 'search', id: 'search', placeholder: 'Search names, tags, attributes, trace ids  ( / )',
				'aria-label': 'Search', spellcheck: 'false', autocomplete: 'off' })),
			field('service', el('select', { 'aria-label': 'Service', id: 'filter-service' }, el('option', { value: '' }, 'all services'),
				services.map((name) => el('option', { value: name }, cut(name, 60))))),
			field('name', el('input', { id: 'filter-name', placeholder: 'name, or GET*', list: 'names', 'aria-label': 'Name', spellcheck: 'false', autocomplete: 'off' })),
			field('status', el('select', { 'aria-label': 'Status', id: 'filter-status' },
				STATUSES.map(([value, text]) => el('option', { value }, text)))),
			field('min', el('input', { id: 'filter-min', class: 'short', placeholder: '\u2265 5ms', 'aria-label': 'At least this long', spellcheck: 'false', autocomplete: 'off' })),
			field('tag', el('input', { id: 'filter-tag', class: 'medium', placeholder: 'tag=value', list: 'tags', 'aria-label': 'Tag', spellcheck: 'false', autocomplete: 'off' })),
			this.chip, this.reset, suggestions('names', names), suggestions('tags', allTags(data)));
		this.data = data;
	}

	later() {
		clearTimeout(this.timer);
		this.timer = setTimeout(() => this.tell(), 60);
	}

	tell() {
		const minNs = this.min.value.trim() ? readDuration(this.min.value) : 0;
		this.min.setAttribute('aria-invalid', Number.isNaN(minNs));
		this.changed({ text: this.text.value, service: this.service.value, name: this.name.value, status: this.status.value,
			minNs: minNs || 0, tag: this.tag.value.trim(), ...this.range });
	}

	setRange(range) {
		this.range = range;
		this.chip.hidden = !range;
		if (range)
			this.chip.replaceChildren(`${clockText(msAt(this.data, range.from), true)} \u2013 ${clockText(msAt(this.data, range.to), true)}  \u2715`);
		this.tell();
	}

	set(values) {
		for (const name of ['text', 'service', 'name', 'status', 'min', 'tag']) this[name].value = values[name] || '';
		this.setRange(null);
	}
}
