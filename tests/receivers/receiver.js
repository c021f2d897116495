#!/usr/bin/env node
// SPDX-License-Identifier: MIT
'use strict';
/*
 * receiver.js - an OTLP/HTTP receiver that refuses whatever is not exactly right.
 *
 *     receiver.js DIR [CERTIFICATE KEY [CLIENT_CA]]
 *
 * Listens on a loopback port (https with a certificate and a key; CLIENT_CA: only for
 * clients with a certificate by it) and says "port N".  What
 * it takes goes to DIR/received.jsonl, one line a request: signal, protocol, headers,
 * the decoded request; the body as it was on the wire, less its compression, to
 * DIR/NUMBER.SIGNAL.pb or .json.  GET /counts says how much of what has come, and what
 * was wrong.  A request that is wrong is answered with 400.
 */
const fs = require('fs');
const http = require('http');
const https = require('https');
const path = require('path');
const zlib = require('zlib');
const { decode, walk } = require('./strict.js');

const [dir, certificate, key, clients] = process.argv.slice(2);
const PROTOCOLS = { 'application/x-protobuf': 'protobuf', 'application/json': 'json' };
const MOST = 64 << 20;
const counts = { requests: 0, gzip: 0, traces: 0, logs: 0, metrics: 0, wrong: [] };

function uncompressed(encoding, raw) {
	if (encoding === undefined) {
		return raw;
	}
	if (encoding !== 'gzip') {
		throw new Error(`Content-Encoding: ${encoding}`);
	}
	const body = zlib.gunzipSync(raw, { maxOutputLength: MOST });
	// A second member, or anything else behind the first, would be skipped in silence.
	if (raw.readUInt32LE(raw.length - 4) !== body.length) {
		throw new Error('gzip: more than one member');
	}
	counts.gzip++;
	return body;
}

function take(request, raw) {
	const signal = (request.url.match(/^\/v1\/(traces|logs|metrics)$/) || [])[1];
	const protocol = PROTOCOLS[request.headers['content-type']];
	if (!signal || request.method !== 'POST') {
		throw new Error(`${request.method} ${request.url}`);
	}
	if (!protocol) {
		throw new Error(`Content-Type: ${request.headers['content-type']}`);
	}
	if (!request.headers['user-agent']) {
		throw new Error('no User-Agent');
	}
	const body = uncompressed(request.headers['content-encoding'], raw);
	const name = `${counts.requests}.${signal}.${protocol === 'json' ? 'json' : 'pb'}`;
	fs.writeFileSync(path.join(dir, name), body);
	const decoded = decode(signal, protocol, body);
	walk(signal, decoded, () => counts[signal]++);
	fs.appendFileSync(path.join(dir, 'received.jsonl'), JSON.stringify(
		{ signal, protocol, body: name, headers: request.headers, request: decoded }) + '\n');
	return protocol;
}

function answer(request, response, raw) {
	if (request.method === 'GET' && request.url === '/counts') {
		response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(counts));
		return;
	}
	counts.requests++;
	try {
		const json = take(request, raw) === 'json';
		response.writeHead(200, { 'Content-Type': request.headers['content-type'] }).end(json ? '{}' : '');
	} catch (problem) {
		counts.wrong.push(`request ${counts.requests}, ${request.url}: ${problem.message}`);
		response.writeHead(400, { 'Content-Type': 'text/plain' }).end(problem.message);
	}
}

function listener(request, response) {
	const parts = [];
	request.on('data', (part) => parts.push(part));
	request.on('end', () => answer(request, response, Buffer.concat(parts)));
}

const server = certificate ?
	https.createServer({ cert: fs.readFileSync(certificate), key: fs.readFileSync(key),
		...(clients && { ca: fs.readFileSync(clients), requestCert: true, rejectUnauthorized: true }) }, listener) :
	http.createServer(listener);
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
