// map.js - the service map: who calls whom, how often, how well, how fast.

const MOST_IN_PICTURE = 150;

// A line from left to right, through the places that it passes in other columns.
function forwardPath(edge, x1, y1, x2, y2) {
	const stops = [[x1, y1], ...edge.by.flatMap((point) =>
		[[point.x, point.y + BOX.height / 2], [point.x + BOX.width, point.y + BOX.height / 2]]), [x2, y2]];
	let d = `M ${x1} ${y1}`;
	for (let i = 1; i < stops.length; i++) {
		const [a, b] = [stops[i - 1], stops[i]];
		const bend = (b[0] - a[0]) / 2;
		d += i % 2 ? ` C ${a[0] + bend} ${a[1]}, ${b[0] - bend} ${b[1]}, ${b[0]} ${b[1]}` : ` L ${b[0]} ${b[1]}`;
	}
	const [a, b] = edge.by.length ? [stops[1], stops[2]] : [stops[0], stops[1]];
	return { d, x: (a[0] + b[0]) / 2, y: (a[1] + b[1]) / 2 };
}

function edgePath(edge) {
	const [a, b] = [edge.from, edge.to];
	const [x1, y1, x2, y2] = [a.x + BOX.width, a.y + BOX.height / 2, b.x, b.y + BOX.height / 2];
	if (a === b) return { d: `M ${a.x + 110} ${a.y} C ${a.x + 100} ${a.y - 34}, ${a.x + 60} ${a.y - 34}, ${a.x + 54} ${a.y}`, x: a.x + 84, y: a.y - 32 };
	if (x2 > x1) return forwardPath(edge, x1, y1, x2 - 7, y2);
	const below = Math.max(a.y, b.y) + BOX.height + 26;
	return { d: `M ${a.x + BOX.width / 2} ${a.y + BOX.height} C ${a.x + BOX.width / 2} ${below + 20}, ${b.x + BOX.width / 2} ${below + 20}, ${b.x + BOX.width / 2} ${b.y + BOX.height + 7}`,
		x: (a.x + b.x + BOX.width) / 2, y: below };
}

function edgeNode(edge) {
	const path = edgePath(edge);
	const words = `${edge.from.name} calls ${edge.to.name}: ${plural(edge.count, 'call')}, ${rateText(edge.rate)}, ${shareText(edge.errors, edge.count)} errors, p50 ${durationText(edge.p50)}, p99 ${durationText(edge.p99)}`;
	return svg('g', { class: `edge ${edge.errors ? 'failing' : ''}` }, svg('title', {}, words),
		svg('path', { d: path.d, 'stroke-width': Math.min(7, 1.5 + Math.log10(edge.count)).toFixed(2), 'marker-end': edge.errors ? 'url(#tip-bad)' : 'url(#tip)' }),
		svg('text', { x: path.x, y: path.y - 7, 'text-anchor': 'middle' }, `${rateText(edge.rate)}`,
			edge.errors ? svg('tspan', { class: 'bad' }, ` ${shareText(edge.errors, edge.count)} err`) : null),
		svg('text', { x: path.x, y: path.y + 15, 'text-anchor': 'middle', class: 'second' }, `${durationText(edge.p50)} / ${durationText(edge.p99)}`));
}

function boxNode(node, stats, open) {
	const small = { outside: 'who calls from outside', other: 'not in this report' }[node.kind] || (stats ? `${plural(stats.count, 'request')}, p99 ${durationText(stats.p99)}` : 'no requests here');
	const box = svg('g', { class: `box ${node.kind} ${node.kind === 'service' ? serviceClass(node.name) : ''}`, transform: `translate(${node.x} ${node.y})`,
		tabindex: node.kind === 'service' ? 0 : null, role: node.kind === 'service' ? 'link' : null, 'aria-label': node.name },
	svg('title', {}, node.name), svg('rect', { class: 'back', width: BOX.width, height: BOX.height, rx: 8 }), svg('rect', { class: 'stripe', width: 5, height: BOX.height, rx: 2.5 }),
	svg('text', { x: 16, y: 20 }, cut(node.name, 22)), svg('text', { x: 16, y: 36, class: 'second' }, cut(small, 28)));
	if (node.kind === 'service') {
		box.addEventListener('click', () => open(node.name));
		box.addEventListener('keydown', (event) => event.key === 'Enter' && open(node.name));
	}
	return box;
}

const arrowTip = (id, name) => svg('marker', { id, class: name, viewBox: '0 0 10 10', refX: 3, refY: 5, markerWidth: 9, markerHeight: 9, markerUnits: 'userSpaceOnUse', orient: 'auto' },
	svg('path', { d: 'M 0 0 L 10 5 L 0 10 z' }));

class MapView {
	constructor(data, root, showTraces) {
		this.root = root;
		this.showTraces = showTraces;
		withDetails(data, (details) => this.show(findCalls(data, details)));
	}

	show(calls) {
		this.calls = calls;
		if (!calls.nodes.length) return this.root.replaceChildren(el('p', { class: 'empty' }, 'There are no spans in this report.'));
		const edges = [...calls.edges].sort((a, b) => b.count - a.count);
		const drawn = edges.slice(0, MOST_IN_PICTURE);
		const nodes = calls.nodes.filter((node) => node.kind === 'service' || drawn.some((edge) => edge.from === node || edge.to === node));
		return this.root.replaceChildren(el('div', { class: 'map-picture' }, this.picture(nodes, drawn)),
			el('p', { class: 'caption legend' }, 'On the lines: calls per time, errors; p50 / p99 of how long the caller waited.'), this.table(edges));
	}

	picture(nodes, edges) {
		const size = layoutMap(nodes, edges);
		const answers = (node) => {
			const found = edges.filter((edge) => edge.to === node);
			return found.length ? summary(found.flatMap((edge) => edge.durations), 0, 1) : null;
		};
		return svg('svg', { viewBox: `-10 -30 ${size.width + 10} ${size.height + 40}`, width: size.width + 10, height: size.height + 40, role: 'group', 'aria-label': 'Who calls whom' },
			svg('defs', {}, arrowTip('tip', 'tip'), arrowTip('tip-bad', 'tip bad')), edges.map(edgeNode),
			nodes.map((node) => boxNode(node, answers(node), (service) => this.showTraces({ service }))));
	}

	table(edges) {
		const number = (text) => el('td', { class: 'number' }, text);
		return el('table', { class: 'calls', id: 'calls' }, el('thead', {}, el('tr', {}, ['Caller', 'Called', 'Calls', 'Rate', 'Errors', 'p50', 'p99', 'Max'].map((text) => el('th', { scope: 'col' }, text)))),
			el('tbody', {}, edges.slice(0, 2000).map((edge) => el('tr', { 'data-from': edge.from.name, 'data-to': edge.to.name, 'data-count': edge.count, 'data-errors': edge.errors },
				el('td', {}, el('bdi', {}, cut(edge.from.name, 100))), el('td', {}, el('bdi', {}, cut(edge.to.name, 100))), number(grouped(edge.count)), number(rateText(edge.rate)),
				el('td', { class: `number ${edge.errors ? 'bad' : ''}` }, edge.errors ? `${edge.errors} (${shareText(edge.errors, edge.count)})` : '\u2013'),
				number(durationText(edge.p50)), number(durationText(edge.p99)), number(durationText(edge.max))))));
	}
}
