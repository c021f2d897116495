#!/usr/bin/env node
// SPDX-License-Identifier: MIT
'use strict';
/*
 * testkit.js - sentry-testkit behind a Sentry of one project, on a loopback port.
 *
 *     testkit.js DIR
 *
 * Says "port N".  The project is 1, the key anything: http://key@127.0.0.1:N/1.  Envelopes are
 * kept as they came, less their compression (DIR/N.envelope, and the headers of the request in
 * DIR/N.headers.json).  GET /found tells what sentry-testkit made of them.
 */
const fs = require('fs');
const http = require('http');
const path = require('path');
const zlib = require('zlib');
const sentryTestkit = require('sentry-testkit');

const [dir] = process.argv.slice(2);
const { testkit, initNetworkInterceptor } = sentryTestkit();
const wrong = [];
let handle;
let requests = 0;

initNetworkInterceptor('http://key@127.0.0.1/1', (base, report, envelope) => {
	handle = envelope;
});

function take(request, raw) {
	if (request.method !== 'POST' || request.url.split('?')[0] !== '/api/1/envelope/') {
		throw new Error(`${request.method} ${request.url}`);
	}
	const body = request.headers['content-encoding'] === 'gzip' ? zlib.gunzipSync(raw) : raw;
	const place = path.join(dir, String(requests));
	fs.writeFileSync(`${place}.envelope`, body);
	fs.writeFileSync(`${place}.headers.json`, JSON.stringify(request.headers));
	handle(body);
	return JSON.parse(body.subarray(0, body.indexOf(10))).event_id;
}

function found() {
	return { requests, wrong, transactions: testkit.transactions(), reports: testkit.reports(),
		logs: testkit.logs(), clientReports: testkit.clientReports(), sessions: testkit.sessions() };
}

function answer(request, response, raw) {
	if (request.method === 'GET' && request.url === '/found') {
		response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(found()));
		return;
	}
	requests++;
	try {
		const id = take(request, raw);
		response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ id }));
	} catch (problem) {
		wrong.push(`request ${requests}: ${problem.message}`);
		response.writeHead(400, { 'Content-Type': 'text/plain' }).end(problem.message);
	}
}

const server = http.createServer((request, response) => {
	const parts = [];
	request.on('data', (part) => parts.push(part));
	request.on('end', () => answer(request, response, Buffer.concat(parts)));
});
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
