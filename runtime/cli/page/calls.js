// calls.js - who calls whom. Pure.
//
// A span whose parent belongs to another service is a call of that service, and so is a
// server's span below a client's of the same service. It lasted as long as its caller
// waited, where the caller has a span for it. A client's span that nothing here answers is a
// call of somebody who is not in the report, named by what its attributes say of the other
// end. A server's span without a parent was called from outside.

const OUTSIDE = 'clients';
const NOT_CALLS = /^(?:dns lookup|(?:tcp|unix) connect)\b/;

// "redis 127.0.0.1:6379", "127.0.0.1:8080"
function otherEnd(data, details, row) {
	const found = Object.fromEntries(attributesOf(details, row));
	const address = found['server.address'] ?? found['network.peer.address'] ?? '';
	const port = found['server.port'] ?? found['network.peer.port'];
	const system = found['db.system.name'] ?? '';
	const place = `${address}${port === undefined ? '' : `:${port}`}`;
	return [system, place].filter(Boolean).join(' ') || spanName(data, row);
}

function caller(data, details, row) {
	const parent = details.elsewhere.get(row) ?? data.parent[row];
	if (parent < 0) return data.kind[row] === SERVER ? { from: null, by: row } : null;
	const served = data.kind[parent] === CLIENT && data.kind[row] === SERVER;
	if (!served && serviceOf(data, parent) === serviceOf(data, row)) return null;
	return { from: serviceOf(data, parent), by: data.kind[parent] === CLIENT ? parent : row };
}

// Calls use(from, to, row that it is timed by, failed); from and to: {name, kind}.
function eachCall(data, details, use) {
	const answered = new Uint8Array(data.count);
	const service = (name) => ({ name, kind: 'service' });
	for (let row = 0; row < data.count; row++) {
		const call = caller(data, details, row);
		if (!call) continue;
		if (call.by !== row && answered[call.by]) continue; // the second attempt of one call
		answered[call.by] = 1;
		use(call.from === null ? { name: OUTSIDE, kind: 'outside' } : service(call.from), service(serviceOf(data, row)),
			call.by, data.status[row] === ERROR || data.status[call.by] === ERROR);
	}
	for (let row = 0; row < data.count; row++)
		if (data.kind[row] === CLIENT && !answered[row] && !NOT_CALLS.test(spanName(data, row)))
			use(service(serviceOf(data, row)), { name: otherEnd(data, details, row), kind: 'other' }, row,
				data.status[row] === ERROR);
}

function findCalls(data, details) {
	const nodes = new Map();
	const edges = new Map();
	const node = (end) => {
		const key = `${end.kind} ${end.name}`;
		if (!nodes.has(key)) nodes.set(key, { key, ...end });
		return nodes.get(key);
	};
	for (const process of new Set(data.process)) node({ name: data.services[process], kind: 'service' });
	eachCall(data, details, (from, to, row, failed) => {
		const [a, b] = [node(from), node(to)];
		const key = `${a.key}\n${b.key}`;
		if (!edges.has(key)) edges.set(key, { from: a, to: b, durations: [], errors: 0 });
		edges.get(key).durations.push(data.duration[row]);
		if (failed) edges.get(key).errors++;
	});
	const seconds = data.end / 1e9;
	return { nodes: [...nodes.values()],
		edges: [...edges.values()].map((edge) => ({ ...edge, ...summary(edge.durations, edge.errors, seconds) })) };
}
