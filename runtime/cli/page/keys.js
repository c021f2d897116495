// keys.js - what the keyboard does everywhere, and the page that says so.

const KEYS = [['\u2191 \u2193 or j k', 'another row'], ['Page up, Page down, Home, End', 'far'], ['Enter', 'open'], ['Escape', 'back'],
	['/', 'search'], ['1 2 3 4', 'traces, latencies, service map, crashes and events'], ['\u2190 \u2192', 'in a trace: fold, unfold, to the parent'],
	['+ \u2212 0', 'in a trace: closer, farther, all of it'], ['a d', 'in a trace: earlier, later'], ['z', 'in a trace: the chosen span'],
	['Ctrl and wheel, double click', 'in a trace: closer'], ['t', 'light or dark'], ['?', 'this']];

function helpText(dialog) {
	dialog.replaceChildren(el('h1', {}, 'Keys'), el('table', { class: 'pairs' }, el('tbody', {}, KEYS.map(([keys, what]) =>
		el('tr', {}, el('th', { scope: 'row' }, el('kbd', {}, keys)), el('td', {}, what))))),
	el('form', { method: 'dialog' }, el('button', {}, 'Close')));
}

function startKeys({ toggleTheme, search }) {
	const dialog = document.getElementById('help');
	const views = { 1: '#/traces', 2: '#/names', 3: '#/map', 4: '#/events' };
	helpText(dialog);
	const help = () => dialog.open ? dialog.close() : dialog.showModal();
	document.getElementById('help-button').addEventListener('click', help);
	dialog.querySelector('button').addEventListener('click', (event) => {
		event.preventDefault();
		dialog.close();
	});
	document.addEventListener('keydown', (event) => {
		const typing = event.target.closest('input, select, textarea');
		if (event.ctrlKey || event.metaKey || event.altKey) return;
		if (event.key === 'Escape') {
			if (dialog.open) return;
			if (typing) typing.blur();
			else if (location.hash.startsWith('#/trace/')) location.hash = '#/traces';
			return;
		}
		if (typing) return;
		if (event.key === '/') search();
		else if (event.key === '?') help();
		else if (event.key === 't') toggleTheme();
		else if (event.key in views) location.hash = views[event.key];
		else return;
		event.preventDefault();
	});
}
