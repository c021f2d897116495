// main.js - starts the page and shows the view that the address names.
//
//     #/traces   #/trace/ID   #/trace/ID/SPAN   #/names   #/map   #/events   #/events/NUMBER
//
// A view is made when it is shown for the first time.

const data = makeData(block('index'));
new Set(data.services).forEach(serviceClass); // colours go by the order in the file
const views = {};

function showTraces(values) {
	location.hash = '#/traces';
	view('traces').bar.set(values);
}

const MAKE = {
	traces: (root) => new TracesView(data, root),
	trace: (root) => new TraceView(data, root),
	names: (root) => new NamesView(data, root, showTraces),
	map: (root) => new MapView(data, root, showTraces),
	events: (root) => new CapturedView(data, root),
};

function view(name) {
	if (!views[name]) views[name] = MAKE[name](document.getElementById(`view-${name}`));
	return views[name];
}

function findTrace(id) {
	for (let at = data.traceIds.indexOf(id); at >= 0 && id.length === 32; at = data.traceIds.indexOf(id, at + 1))
		if (at % 32 === 0) return at / 32;
	return -1;
}

function reveal(name) {
	for (const section of document.querySelectorAll('main > section')) section.hidden = section.id !== `view-${name}`;
	for (const link of document.querySelectorAll('nav a'))
		if (link.dataset.view === (name === 'trace' ? 'traces' : name)) link.setAttribute('aria-current', 'page');
		else link.removeAttribute('aria-current');
	document.body.dataset.view = name;
}

function route() {
	const [name, first, second] = location.hash.replace(/^#\//, '').split('/');
	const trace = name === 'trace' ? findTrace(first || '') : -1;
	if (trace >= 0) {
		reveal('trace');
		view('trace').open(trace, Number(second) || 0);
		return;
	}
	const wanted = name !== 'trace' && Object.hasOwn(MAKE, name) ? name : 'traces';
	reveal(wanted);
	const shown = view(wanted);
	if (wanted === 'events') shown.open(first ? Number(first) : -1);
	else if (shown.focus) shown.focus();
}

function describe() {
	const errors = data.traceErrors.reduce((sum, count) => sum + (count > 0), 0);
	const crashes = data.captured.severity.filter((severity) => severity >= FATAL).length;
	fill(document.getElementById('about'), {}, [el('b', { title: data.files.join(', ') }, cut(data.files.join(', '), 60)), ' ',
		`${plural(data.count, 'span')} in ${plural(data.traces, 'trace')}`, errors > 0 && `, ${grouped(errors)} with errors`,
		data.broken > 0 && el('span', { class: 'bad' }, ` ${plural(data.broken, 'line')} could not be read`)]);
	document.title = `Tagalong: ${cut(data.files.join(', '), 60)}`;
	const badge = document.getElementById('event-count');
	if (data.capturedCount) badge.append(String(data.capturedCount));
	badge.classList.toggle('bad', crashes > 0);
}

const toggleTheme = startTheme(() => views.trace && views.trace.trace >= 0 && views.trace.timeline.paint());
describe();
startKeys({ toggleTheme, search: () => {
	if (document.body.dataset.view === 'trace') location.hash = '#/traces';
	setTimeout(() => document.querySelector('main > section:not([hidden]) input[type=search]')?.focus(), 0);
} });
window.addEventListener('hashchange', route);
route();
performance.mark('tagalong-shown');
