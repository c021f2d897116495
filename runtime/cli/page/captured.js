// captured.js - crashes, errors, messages and logs: a list, and a page for the chosen one.

const FATAL = 21;

function levelClass(severity) {
	return severity >= FATAL ? 'level-fatal' : severity >= 17 ? 'level-error' : severity >= 13 ? 'level-warning' : 'level-info';
}

const LEVELS = [['', 'all levels'], ['21', 'crashes'], ['17', 'errors and worse'], ['13', 'warnings and worse']];

function crumbsOf(data, value) {
	return asList(value).filter((crumb) => crumb && typeof crumb === 'object').map((crumb) =>
		({ ...crumb, at: Number.isFinite(Number(crumb.timestamp)) ? nsAfterBase(data, crumb.timestamp) : null }));
}

function nsAfterBase(data, timestamp) {
	try {
		return Number(BigInt(timestamp) - data.baseNs);
	} catch {
		return null;
	}
}

// "SEGV_MAPERR at 0x10, sent by process 7"
function signalNode(pairs) {
	const found = Object.fromEntries(pairs);
	const [code, address, sender] = ['code_name', 'address', 'sender_pid'].map((name) => found[`tagalong.signal.${name}`]);
	const text = `${code ?? ''}${address === undefined ? '' : ` at ${address}`}${sender === undefined ? '' : `, sent by process ${sender}`}`;
	return text ? el('p', { class: 'signal' }, el('code', {}, cut(text, 300))) : null;
}

class CapturedView {
	constructor(data, root) {
		this.data = data;
		this.order = Array.from({ length: data.capturedCount }, (_, i) => i).sort((a, b) =>
			(data.captured.severity[b] >= FATAL) - (data.captured.severity[a] >= FATAL) || data.captured.time[b] - data.captured.time[a]);
		this.search = el('input', { type: 'search', placeholder: 'Search', 'aria-label': 'Search events', spellcheck: 'false', oninput: () => this.arrange() });
		this.level = el('select', { 'aria-label': 'Level', onchange: () => this.arrange() }, LEVELS.map(([value, text]) => el('option', { value }, text)));
		this.list = new VirtualList({ id: 'event-list', rowHeight: 58, label: 'Crashes and events', draw: (index, node) => this.draw(index, node),
			choose: (index) => this.choose(this.shown[index]), activate: () => this.page.focus() });
		this.page = el('article', { class: 'event-page', id: 'event-page', tabindex: 0, 'aria-label': 'The chosen event' });
		root.append(el('div', { class: 'events-body' }, el('div', { class: 'event-side' },
			el('form', { class: 'filters', onsubmit: (event) => event.preventDefault() }, this.search, this.level), this.list.node), this.page));
		this.arrange();
	}

	arrange() {
		const { captured, texts } = this.data;
		const word = this.search.value.toLowerCase();
		this.shown = this.order.filter((number) => captured.severity[number] >= Number(this.level.value) && texts[captured.text[number]].toLowerCase().includes(word));
		this.list.setCount(this.shown.length, this.shown.indexOf(this.chosen));
	}

	open(number) {
		if (!this.data.capturedCount) {
			this.page.replaceChildren(el('p', { class: 'empty' }, 'Nothing was captured: no crash, no error, no message.'));
			return;
		}
		if (!(number >= 0 && number < this.data.capturedCount)) number = this.chosen ?? this.shown[0] ?? this.order[0];
		if (!this.shown.includes(number)) {
			this.search.value = this.level.value = '';
			this.arrange();
		}
		this.list.select(this.shown.indexOf(number));
		this.list.redraw();
		this.list.node.focus({ preventScroll: true });
	}

	draw(index, node) {
		const { data } = this;
		const number = this.shown[index];
		const { captured } = data;
		node.classList.add('event-row', levelClass(captured.severity[number]));
		node.append(el('div', {}, el('span', { class: 'level' }, data.texts[captured.word[number]] || 'event'), el('span', { class: 'when' }, clockText(msAt(data, captured.time[number]), true)),
			chip(data.services[captured.process[number]])), el('bdi', { class: 'main' }, cut(data.texts[captured.text[number]], 200) || '(no text)'));
	}

	choose(number) {
		this.chosen = number;
		if (location.hash !== `#/events/${number}`) history.replaceState(null, '', `#/events/${number}`);
		withDetails(this.data, (details) => {
			this.page.replaceChildren(...this.content(details, number));
			this.page.scrollTop = 0;
		});
	}

	content(details, number) {
		const { data } = this;
		const { captured } = data;
		const pairs = attributesAt(details, details.captured, details.capturedOffsets[number]);
		const crumbs = crumbsOf(data, (pairs.find(([key]) => key === 'tagalong.breadcrumbs') || [])[1]);
		const row = captured.span[number] - 1;
		const near = captured.near[number] - 1;
		const resource = attributesAt(details, details.resources, details.resourceOffsets[captured.process[number]]);
		return [el('header', { class: levelClass(captured.severity[number]) },
			el('p', {}, el('span', { class: 'level' }, data.texts[captured.word[number]] || 'event'), ' ', chip(data.services[captured.process[number]]),
				` ${processText(data, captured.process[number])}, ${dateText(msAt(data, captured.time[number]))} ${clockText(msAt(data, captured.time[number]), true)}`),
			el('h1', {}, el('bdi', {}, cut(data.texts[captured.text[number]], 1000) || '(no text)')),
			signalNode(pairs),
			row >= 0 || near >= 0 ? el('p', {}, el('a', { href: spanHref(data, row >= 0 ? row : near) }, row >= 0 ? `in the span ${cut(spanName(data, row), 100)}` : 'the trace it belongs to')) : null),
		captured.stack[number] ? stackNode(number) : null,
		crumbs.length ? section(`What led to it (${crumbs.length})`, breadcrumbTable(data, crumbs, captured.time[number])) : null,
		attributeSections(pairs, 'Attributes', ['tagalong.breadcrumbs', 'exception.message', 'eventName']),
		section('Process', pairTable(resource, 'Process'), false)].flat(Infinity).filter(Boolean);
	}
}
