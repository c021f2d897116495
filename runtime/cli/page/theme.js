// theme.js - light or dark: as the system has it, until somebody says otherwise.

const DARK = matchMedia('(prefers-color-scheme: dark)');

function setTheme(theme, changed) {
	const root = document.documentElement;
	root.dataset.theme = theme;
	const button = document.getElementById('theme');
	const other = theme === 'dark' ? 'Light' : 'Dark';
	button.replaceChildren(theme === 'dark' ? '\u2600' : '\u263e');
	button.setAttribute('aria-label', `${other} colours`);
	if (changed) changed();
}

function startTheme(changed) {
	const system = () => DARK.matches ? 'dark' : 'light';
	const toggle = () => setTheme(document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark', changed);
	setTheme(system());
	DARK.addEventListener('change', () => setTheme(system(), changed));
	document.getElementById('theme').addEventListener('click', toggle);
	return toggle;
}
