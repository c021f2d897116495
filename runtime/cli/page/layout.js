// layout.js - where the boxes of the service map stand: callers left of what they call. Pure.

const BOX = { width: 184, height: 46, across: 170, down: 30 };

// Ranks by the longest way from a caller; ways that come back to their start count once.
function ranksOf(nodes, edges) {
	const rank = new Map(nodes.map((node) => [node, 0]));
	const outgoing = new Map(nodes.map((node) => [node, []]));
	const state = new Map();
	const order = [];
	for (const edge of edges) if (edge.from !== edge.to) outgoing.get(edge.from).push(edge.to);
	const forward = new Set();
	for (const start of [...nodes].sort((a, b) => (b.kind === 'outside') - (a.kind === 'outside'))) {
		const path = state.has(start) ? [] : [[start, 0]];
		state.set(start, state.get(start) || 'open');
		while (path.length) {
			const top = path[path.length - 1];
			const next = outgoing.get(top[0])[top[1]++];
			if (!next) {
				order.unshift(path.pop()[0]);
				state.set(order[0], 'done');
			} else if (state.get(next) !== 'open') {
				forward.add(`${top[0].key}\n${next.key}`);
				if (!state.has(next)) {
					state.set(next, 'open');
					path.push([next, 0]);
				}
			}
		}
	}
	for (const node of order)
		for (const next of outgoing.get(node))
			if (forward.has(`${node.key}\n${next.key}`)) rank.set(next, Math.max(rank.get(next), rank.get(node) + 1));
	return rank;
}

// Each column in the order of the middle of its neighbours on the left, and on the right.
function arrangeColumns(columns, edges) {
	const place = new Map();
	const number = () => columns.forEach((column) => column.forEach((node, i) => place.set(node, i - column.length / 2)));
	number();
	const neighbours = [new Map(), new Map()]; // on the left, on the right
	for (const column of columns) for (const node of column) neighbours.forEach((map) => map.set(node, []));
	for (const { from, to } of edges) {
		neighbours[0].get(to).push(from);
		neighbours[1].get(from).push(to);
	}
	for (let pass = 0; pass < 6; pass++) {
		for (const column of columns) {
			const middle = new Map(column.map((node) => {
				const near = neighbours[pass % 2].get(node).map((other) => place.get(other));
				return [node, near.length ? near.reduce((a, b) => a + b, 0) / near.length : place.get(node)];
			}));
			column.sort((a, b) => middle.get(a) - middle.get(b));
		}
		number();
	}
}

// Lines over more than one column get a place in each that they pass.
function withWaypoints(nodes, edges, rank) {
	const all = [...nodes];
	const steps = [];
	for (const edge of edges) {
		let last = edge.from;
		edge.by = [];
		for (let at = rank.get(edge.from) + 1; at < rank.get(edge.to); at++) {
			const point = { key: '', point: true };
			rank.set(point, at);
			all.push(point);
			edge.by.push(point);
			steps.push({ from: last, to: point });
			last = point;
		}
		steps.push({ from: last, to: edge.to });
	}
	return { all, steps };
}

// Gives every node x and y, and every edge what it passes by; returns the size of it all.
function layoutMap(nodes, edges) {
	const rank = ranksOf(nodes, edges);
	const { all, steps } = withWaypoints(nodes, edges, rank);
	const columns = [];
	const joined = new Set(edges.flatMap((edge) => edge.from === edge.to ? [] : [edge.from, edge.to]));
	all.sort((a, b) => (b.point || joined.has(b)) - (a.point || joined.has(a))); // loners below
	for (const node of all) (columns[rank.get(node)] = columns[rank.get(node)] || []).push(node);
	const filled = columns.filter(Boolean);
	arrangeColumns(filled, steps);
	const tallest = Math.max(1, ...filled.map((column) => column.length));
	const height = tallest * (BOX.height + BOX.down) + BOX.down;
	filled.forEach((column, i) => column.forEach((node, j) => {
		node.x = 20 + i * (BOX.width + BOX.across);
		node.y = (height - column.length * (BOX.height + BOX.down)) / 2 + j * (BOX.height + BOX.down) + BOX.down / 2;
	}));
	return { width: filled.length * (BOX.width + BOX.across) - BOX.across + 40, height: height + 20 };
}
