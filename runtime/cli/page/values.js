// values.js - names and values of attributes as tables.

const LONG = 400;

function valueNode(value) {
	if (value === null || value === undefined) return el('span', { class: 'nothing' }, 'empty');
	if (typeof value === 'object') return el('pre', { class: 'value' }, JSON.stringify(value, null, 2));
	const text = String(value);
	if (text.length <= LONG && !text.includes('\n')) return el('bdi', { class: `value ${typeof value}` }, text);
	return el('details', { class: 'long' }, el('summary', {}, cut(text, 80), el('span', { class: 'hint' }, ` ${plural(text.length, 'character')}`)),
		el('pre', { class: 'value' }, text));
}

// May be broken behind its dots.
const breakable = (name) => name.split(/(?<=[._])/).flatMap((part, i) => i ? [el('wbr'), part] : [part]);

function pairTable(pairs, label) {
	return el('table', { class: 'pairs', 'aria-label': label }, el('tbody', {}, pairs.map(([key, value]) =>
		el('tr', {}, el('th', { scope: 'row' }, el('bdi', {}, breakable(cut(String(key), LONG)))), el('td', {}, valueNode(value))))));
}

function section(title, content, open = true) {
	return el('details', { class: 'section', open }, el('summary', {}, title), content);
}

// [title, names' beginning]: parts of the scope, in the order in which they are shown.
const SCOPE_PARTS = [['Tags', 'tagalong.tag.'], ['User', 'user.'], ['Contexts', 'tagalong.context.'], ['Extra', 'tagalong.extra.']];

// Sections of attributes: those of the scope by what they are, then the others.
function attributeSections(pairs, rest, leftOut = []) {
	const taken = new Set(leftOut);
	const parts = SCOPE_PARTS.map(([title, prefix]) => {
		const found = pairs.filter(([key]) => String(key).startsWith(prefix) && !taken.has(key));
		found.forEach(([key]) => taken.add(key));
		return found.length ? section(title, pairTable(found.map(([key, value]) => [String(key).slice(prefix.length), value]), title)) : null;
	});
	const others = pairs.filter(([key]) => !taken.has(key));
	return [others.length ? section(rest, pairTable(others, rest)) : null, parts];
}

// One line each: how long before `end` it was left (or after), what kind, what it says.
function breadcrumbTable(data, crumbs, end, base) {
	return el('table', { class: 'crumbs' }, el('tbody', {}, crumbs.map((crumb) => el('tr', { class: `level-${crumb.level || 'info'}` },
		el('td', { class: 'when' }, relativeTime(crumb.at, end, base)), el('th', { scope: 'row' }, cut(crumb.category || crumb.type || '', 60)),
		el('td', {}, cut(crumb.message || '', LONG), crumb.data && Object.keys(crumb.data).length > 0 &&
			el('code', {}, ` ${cut(JSON.stringify(crumb.data), LONG)}`))))));
}

function relativeTime(at, end, base) {
	if (at === null) return '';
	const ns = at - (end ?? base);
	return `${ns < 0 ? '\u2212' : '+'}${durationText(Math.abs(ns))}`;
}
