// span.js - what there is to say about one span.

function breadcrumbOf(time, pairs) {
	const found = Object.fromEntries(pairs.map(([key, value]) => [String(key).replace('tagalong.breadcrumb.', ''), value]));
	return { at: time, category: found.category, type: found.type, message: found.message, level: found.level, data: found.data };
}

function spanEvents(data, details, row) {
	const crumbs = [];
	const others = [];
	for (const at of details.eventsOf.get(row) || []) {
		const event = { time: details.events[at + 1], name: details.values[details.events[at + 2]], pairs: attributesAt(details, details.events, at + 3) };
		if (event.name === 'breadcrumb') crumbs.push(breadcrumbOf(event.time, event.pairs));
		else others.push(event);
	}
	return { crumbs, others };
}

function linkNode(data, details, at) {
	const row = details.links[at + 1] - 1;
	const trace = details.values[details.links[at + 2]];
	const span = details.values[details.links[at + 3]];
	const pairs = attributesAt(details, details.links, at + 4);
	return el('li', {}, row >= 0 ? el('a', { href: spanHref(data, row) }, `${cut(spanName(data, row), 80)}`) : 'a span that is not in this report',
		el('code', { class: 'ids' }, ` ${trace} ${span}`), pairs.length ? pairTable(pairs, 'Link') : null);
}

function copyable(text) {
	return el('button', { type: 'button', class: 'copy', title: 'Copy', onclick: async (event) => {
		const button = event.currentTarget;
		try {
			await navigator.clipboard.writeText(text);
			button.classList.add('done');
			setTimeout(() => button.classList.remove('done'), 800);
		} catch {
			getSelection().selectAllChildren(button);
		}
	} }, text);
}

function capturedLine(data, number) {
	const captured = data.captured;
	return el('a', { class: `captured ${levelClass(captured.severity[number])}`, href: `#/events/${number}` },
		el('span', { class: 'level' }, data.texts[captured.word[number]] || 'event'), ' ', el('bdi', {}, cut(data.texts[captured.text[number]], 200) || '(no text)'));
}

function factTable(data, details, row) {
	const trace = data.traceOf[row];
	const parent = data.parent[row];
	const total = data.traceEnd[trace] - data.traceStart[trace];
	return el('dl', { class: 'facts' },
		el('dt', {}, 'Duration'), el('dd', {}, el('b', {}, durationText(data.duration[row])), ` ${shareText(data.duration[row], total)} of the trace`),
		el('dt', {}, 'Start'), el('dd', { title: `${exactTime(data, data.start[row])} ns since 1970` },
			`+${durationText(data.start[row] - data.traceStart[trace])}, ${dateText(msAt(data, data.start[row]))} ${clockText(msAt(data, data.start[row]), true)}`),
		el('dt', {}, 'Service'), el('dd', {}, chip(serviceOf(data, row)), ` ${processText(data, data.process[row])}`),
		el('dt', {}, 'Kind'), el('dd', {}, KINDS[data.kind[row]] || data.kind[row]),
		el('dt', {}, 'Parent'), el('dd', {}, parent >= 0 ? el('a', { href: spanHref(data, parent) }, cut(spanName(data, parent), 60)) :
			details.elsewhere.has(row) ? [el('a', { href: spanHref(data, details.elsewhere.get(row)) }, cut(spanName(data, details.elsewhere.get(row)), 60)), ' in another trace'] :
			details.lost.has(row) ? el('span', {}, 'not in this report: ', el('code', {}, details.lost.get(row))) : 'none, it is a root'),
		el('dt', {}, 'Span id'), el('dd', {}, copyable(spanId(details, row))),
		el('dt', {}, 'Trace id'), el('dd', {}, copyable(traceId(data, trace))));
}

function spanPanel(data, details, row) {
	const pairs = attributesOf(details, row);
	const { crumbs, others } = spanEvents(data, details, row);
	const links = details.linksOf.get(row) || [];
	const failed = data.status[row] === ERROR;
	const resource = attributesAt(details, details.resources, details.resourceOffsets[data.process[row]]);
	const message = (pairs.find(([key]) => key === 'status.message') || [])[1];
	return [
		el('h2', {}, statusChip(data, row), ' ', el('bdi', {}, cut(spanName(data, row), 300))),
		failed && el('p', { class: 'error-line' }, data.error[row] ? data.texts[data.error[row] - 1] : 'error', message && `: ${cut(String(message), LONG)}`),
		factTable(data, details, row),
		(data.capturedOf.get(row) || []).map((number) => capturedLine(data, number)),
		attributeSections(pairs, 'Attributes'),
		crumbs.length ? section(`Breadcrumbs (${crumbs.length})`, breadcrumbTable(data, crumbs, null, data.start[row])) : null,
		others.length ? section(`Events (${others.length})`, el('ul', { class: 'events' }, others.map((event) => el('li', {},
			el('b', {}, cut(String(event.name), 100)), el('span', { class: 'hint' }, ` ${relativeTime(event.time, null, data.start[row])}`),
			event.pairs.length ? pairTable(event.pairs, 'Event') : null)))) : null,
		links.length ? section(`Links (${links.length})`, el('ul', { class: 'links' }, links.map((at) => linkNode(data, details, at)))) : null,
		section('Process', pairTable(resource, 'Process'), false),
	].flat(Infinity).filter(Boolean);
}
