// theme.js - light or dark: as the system has it, until somebody says otherwise.

const DARK = matchMedia('(prefers-color-scheme: dark)');

function remembered() {
	try {
		return localStorage.getItem('tagalong-theme');
	} catch {
		return null; // no storage for files
	}
}

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
	const now = () => remembered() || (DARK.matches ? 'dark' : 'light');
	const other = () => document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
	setTheme(now());
	DARK.addEventListener('change', () => setTheme(now(), changed));
	const toggle = () => {
		const theme = other();
		try {
			localStorage.setItem('tagalong-theme', theme);
		} catch {
			// It lasts as long as the page.
		}
		setTheme(theme, changed);
	};
	document.getElementById('theme').addEventListener('click', toggle);
	return toggle;
}
