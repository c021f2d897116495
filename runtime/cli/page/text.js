// text.js - elements from texts, and numbers as people read them.
//
// Every text of a trace is hostile: it gets onto the page as a text node or an attribute's
// value and in no other way, and what would turn the direction of a line is made visible.

const SVG = 'http://www.w3.org/2000/svg';
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;

function visible(text) {
	return String(text).replace(INVISIBLE, (c) =>
		`\u2039${c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}\u203a`);
}

function fill(node, attributes, children) {
	for (const [name, value] of Object.entries(attributes || {})) {
		if (value === null || value === undefined || value === false) continue;
		if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
		else if (name === 'style') Object.assign(node.style, value);
		else node.setAttribute(name, value === true ? '' : visible(value));
	}
	for (const child of children.flat(Infinity)) {
		if (child === null || child === undefined || child === false) continue;
		node.append(child instanceof Node ? child : document.createTextNode(visible(child)));
	}
	return node;
}

function el(tag, attributes, ...children) {
	return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes, ...children) {
	return fill(document.createElementNS(SVG, tag), attributes, children);
}

function cut(text, max) {
	return text.length > max ? `${text.slice(0, max)}\u2026` : text;
}

// 12,345
const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ',');

function plural(count, one, many) {
	return `${grouped(count)} ${count === 1 ? one : many || `${one}s`}`;
}

function digits(number) {
	return number >= 100 ? number.toFixed(0) : number >= 10 ? number.toFixed(1) : number.toFixed(2);
}

function durationText(ns) {
	if (ns < 1e3) return `${Math.round(ns)} ns`;
	if (ns < 1e6) return `${digits(ns / 1e3)} \u00b5s`;
	if (ns < 1e9) return `${digits(ns / 1e6)} ms`;
	if (ns < 120e9) return `${digits(ns / 1e9)} s`;
	if (ns < 7200e9) return `${(ns / 60e9).toFixed(1)} min`;
	return `${(ns / 3600e9).toFixed(1)} h`;
}

// "5ms", "250 us", "1.5s"; a bare number is milliseconds. NaN for anything else.
function readDuration(text) {
	const units = { ns: 1, us: 1e3, '\u00b5s': 1e3, '\u03bcs': 1e3, ms: 1e6, '': 1e6, s: 1e9, m: 60e9, min: 60e9, h: 3600e9 };
	const found = /^\s*(\d+(?:\.\d+)?|\.\d+)\s*([a-z\u00b5\u03bc]*)\s*$/i.exec(text);
	return found && Object.hasOwn(units, found[2].toLowerCase()) ?
		Number(found[1]) * units[found[2].toLowerCase()] : NaN;
}

// Without digits that say nothing: for round numbers.
const roundText = (ns) => durationText(ns).replace(/\.0+ /, ' ');

function rateText(perSecond) {
	return perSecond >= 1 ? `${digits(perSecond)}/s` : perSecond * 60 >= 1 ? `${digits(perSecond * 60)}/min` :
		`${digits(perSecond * 3600)}/h`;
}

function shareText(part, whole) {
	if (!part || !whole) return '0 %';
	const percent = 100 * part / whole;
	return percent < 0.1 ? '<0.1 %' : `${percent < 10 ? percent.toFixed(1) : percent.toFixed(0)} %`;
}

const two = (number) => String(number).padStart(2, '0');

function clockText(ms, withMs) {
	const date = new Date(ms);
	if (Number.isNaN(date.getTime())) return '?';
	const text = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
	return withMs ? `${text}.${String(date.getMilliseconds()).padStart(3, '0')}` : text;
}

function dateText(ms) {
	const date = new Date(ms);
	return Number.isNaN(date.getTime()) ? '?' :
		`${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
