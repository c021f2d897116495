// SPDX-License-Identifier: MIT
/*
 * spotlight.mjs - Spotlight's sidecar with its page, on a loopback port, without its command
 * line, which would report to its makers.
 *
 *     spotlight.mjs PORT         says "port N" when it listens
 */
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

// It listens on every address; here only on the one that nobody else can reach.
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (where, ...rest) {
	const port = typeof where === 'object' && where !== null ? where.port : where;
	return listen.call(this, { port: Number(port), host: '127.0.0.1' }, rest.find((arg) => typeof arg === 'function'));
};

const here = path.dirname(fileURLToPath(import.meta.url));
const ui = path.join(here, 'node_modules/@spotlightjs/spotlight/dist/ui');
const filesToServe = { 'index.html': fs.readFileSync(path.join(ui, 'index.html')) };
for (const name of fs.readdirSync(path.join(ui, 'assets'))) {
	filesToServe[`assets/${name}`] = fs.readFileSync(path.join(ui, 'assets', name));
}
const { setupSpotlight } = await import('@spotlightjs/spotlight');
const server = await setupSpotlight({ port: Number(process.argv[2]), filesToServe, isStandalone: true });
console.log(`port ${server.address().port}`);
