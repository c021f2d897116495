// names.js - how long what takes: spans by name, with their latencies and their rate.

const NAME_COLUMNS = [['name', 'Name'], ['count', 'Count'], ['rate', 'Rate'], ['errors', 'Errors'], ['p50', 'p50'], ['p90', 'p90'], ['p99', 'p99'], ['max', 'Max']];

class NamesView {
	constructor(data, root, showTraces) {
		this.data = data;
		this.showTraces = showTraces;
		this.groups = groupNames(data);
		this.order = { key: 'count', down: true };
		this.charts = el('div', { class: 'name-charts', id: 'name-charts' });
		this.search = el('input', { type: 'search', placeholder: 'Names', 'aria-label': 'Names', spellcheck: 'false', oninput: () => this.arrange() });
		this.kind = el('select', { 'aria-label': 'Kind', onchange: () => this.arrange() }, el('option', { value: '' }, 'all kinds'),
			[...new Set(this.groups.map((group) => group.kind))].sort().map((kind) => el('option', { value: kind }, KINDS[kind] || kind)));
		this.head = el('div', { class: 'name-row head' }, NAME_COLUMNS.map(([key, text]) =>
			el('button', { type: 'button', 'data-key': key, onclick: () => this.sort(key) }, text)));
		this.list = new VirtualList({ id: 'names-list', rowHeight: 32, label: 'Names', draw: (index, node) => this.draw(index, node),
			choose: (index) => this.choose(index), activate: () => this.charts.scrollIntoView({ block: 'nearest' }) });
		root.append(this.charts, el('form', { class: 'filters', onsubmit: (event) => event.preventDefault() }, this.search, this.kind), this.head, this.list.node);
		this.arrange();
		if (this.groups.length) this.list.select(0);
		else this.charts.replaceChildren(el('p', { class: 'empty' }, 'There are no spans in this report.'));
	}

	sort(key) {
		this.order = { key, down: this.order.key === key ? !this.order.down : key !== 'name' };
		this.arrange();
	}

	arrange() {
		const { key, down } = this.order;
		const word = this.search.value.toLowerCase();
		this.shown = this.groups.filter((group) => (!this.kind.value || String(group.kind) === this.kind.value) &&
			(group.name.toLowerCase().includes(word) || group.service.toLowerCase().includes(word)));
		this.shown.sort((a, b) => (down ? -1 : 1) * (a[key] < b[key] ? -1 : a[key] > b[key] ? 1 : 0));
		for (const button of this.head.querySelectorAll('button'))
			button.dataset.order = button.dataset.key === key ? (down ? 'down' : 'up') : '';
		this.list.setCount(this.shown.length, this.shown.indexOf(this.chosen));
	}

	draw(index, node) {
		const group = this.shown[index];
		const number = (text) => el('span', { class: 'number' }, text);
		node.classList.add('name-row');
		node.append(el('span', { class: 'name' }, chip(group.service), ' ', el('bdi', { class: 'main' }, cut(group.name, 200)), ' ', el('span', { class: 'hint' }, KINDS[group.kind])),
			number(grouped(group.count)), number(rateText(group.rate)),
			el('span', { class: `number ${group.errors ? 'bad' : ''}` }, group.errors ? shareText(group.errors, group.count) : '\u2013'),
			...[group.p50, group.p90, group.p99, group.max].map((ns) => number(durationText(ns))));
	}

	choose(index) {
		const { data } = this;
		const group = this.chosen = this.shown[index];
		const times = group.rows.map((row) => data.start[row]);
		const failed = group.rows.map((row) => data.status[row] === ERROR);
		const latency = latencyChart(group, { label: 'Latencies', range: (from) => this.showTraces({ service: group.service, name: group.name, min: `${Math.round(from)}ns` }) });
		const rate = timeChart(data, times, failed, { label: 'Over time', height: 130 });
		const slowest = group.rows.reduce((best, row) => data.duration[row] > data.duration[best] ? row : best, group.rows[0]);
		this.totals = { latency: latency.buckets.reduce((sum, bucket) => sum + bucket.count, 0), rate: rate.buckets.reduce((sum, bucket) => sum + bucket.count, 0) };
		this.charts.dataset.latencyTotal = this.totals.latency;
		this.charts.dataset.rateTotal = this.totals.rate;
		this.charts.replaceChildren(el('h1', {}, chip(group.service), ' ', el('bdi', {}, cut(group.name, 200)), el('span', { class: 'sums' },
			el('span', {}, plural(group.count, 'span')), el('span', {}, rateText(group.rate)),
			el('span', { class: group.errors ? 'bad' : '' }, `${shareText(group.errors, group.count)} errors`),
			el('a', { href: spanHref(data, slowest) }, `slowest: ${durationText(group.max)}`),
			el('button', { type: 'button', class: 'quiet', onclick: () => this.showTraces({ service: group.service, name: group.name }) }, 'show its traces'))),
		el('div', { class: 'pair' }, el('figure', {}, el('figcaption', { class: 'caption' }, 'Latency', el('span', { class: 'hint' }, 'choose bars to list slower ones')), latency.node),
			el('figure', {}, el('figcaption', { class: 'caption' }, `Count per ${roundText(rate.step)}`), rate.node)));
	}

	focus() {
		this.list.redraw();
		this.list.node.focus({ preventScroll: true });
	}
}
