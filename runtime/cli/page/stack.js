// stack.js - stacks of threads, the newest frame first, with the source where it is known.

const FRAMES_OPEN = 2; // with their source shown from the beginning

function readStack(number) {
	const node = document.getElementById(`stack-${number}`);
	if (!node) return null;
	const found = JSON.parse(node.textContent);
	if (!found.json) return { text: found.text };
	try {
		const stack = JSON.parse(found.json);
		return Array.isArray(stack.threads) ? { threads: stack.threads.filter((thread) => thread && typeof thread === 'object') } : { text: found.json };
	} catch {
		return { text: found.json };
	}
}

const asList = (value) => Array.isArray(value) ? value : [];

function sourceLines(frame) {
	const before = asList(frame.pre_context);
	const line = Number(frame.lineno) || 0;
	const lines = before.map((text, i) => [line - before.length + i, text]);
	if (frame.context_line !== undefined) lines.push([line, frame.context_line]);
	asList(frame.post_context).forEach((text, i) => lines.push([line + 1 + i, text]));
	return lines.length ? el('ol', { class: 'source' }, lines.map(([number, text]) =>
		el('li', { class: number === line ? 'here' : null }, el('span', { class: 'line' }, number), el('code', {}, cut(String(text), 1000))))) : null;
}

function frameNode(frame, number, open) {
	const place = frame.filename ? `${frame.filename}${frame.lineno ? `:${frame.lineno}` : ''}` : '';
	const file = String(frame.package || '').split('/').pop();
	const head = [el('span', { class: 'number' }, `#${number}`),
		el('bdi', { class: 'function' }, frame.function ? cut(String(frame.function), 300) : String(frame.instruction_addr || '?')),
		place ? el('bdi', { class: 'place' }, cut(place, 200)) : el('bdi', { class: 'package' }, file && `[${cut(file, 100)}]`),
		el('span', { class: 'address' }, frame.instruction_addr || '')];
	const source = sourceLines(frame);
	return el('li', { class: 'frame' }, source ?
		el('details', { open: open || null }, el('summary', { title: String(frame.abs_path || frame.package || '') }, head), source) :
		el('div', { class: 'bare', title: String(frame.package || '') }, head));
}

function threadNode(thread, open) {
	const frames = asList(thread.frames).filter((frame) => frame && typeof frame === 'object').reverse();
	let shown = 0;
	const list = el('ol', { class: 'frames' }, frames.map((frame, i) =>
		frameNode(frame, i, open && frame.context_line !== undefined && shown++ < FRAMES_OPEN)));
	const title = [`Thread ${thread.id ?? '?'}`, thread.name ? el('bdi', {}, ` ${cut(String(thread.name), 60)}`) : null,
		thread.crashed ? el('span', { class: 'flag crash' }, 'crashed') : null, el('span', { class: 'hint' }, ` ${plural(frames.length, 'frame')}`)];
	return el('details', { class: 'section thread', open }, el('summary', {}, title), list);
}

function stackNode(number) {
	const stack = readStack(number);
	if (!stack) return null;
	if (!stack.threads) return section('Stack', el('pre', { class: 'value' }, stack.text));
	return el('div', { class: 'stacks' }, stack.threads.map((thread, i) => threadNode(thread, i === 0 || Boolean(thread.crashed))));
}
