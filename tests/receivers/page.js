#!/usr/bin/env node
// SPDX-License-Identifier: MIT
'use strict';
/*
 * page.js - opens a page in a headless browser and prints the text that is visible there.
 *
 *     page.js BROWSER PROFILE_DIR STEPS      STEPS: JSON, a list, done in order:
 *         {"open": URL}  {"click": TEXT}  {"see": TEXT}  {"shot": FILE}  {"text": true}
 *         {"patience": MILLISECONDS}, for what follows
 *
 * Loopback only: every other name does not resolve.  Ends with 1 when something is not seen.
 */
const { chromium } = require('playwright-core');

const [executablePath, profile, steps] = process.argv.slice(2);
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
	'--disable-background-networking', '--disable-component-update', '--disable-sync',
	'--disable-dev-shm-usage', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost'];

const ACTS = {
	open: (page, url) => page.goto(url, { waitUntil: 'domcontentloaded' }),
	click: (page, text) => page.getByText(text, { exact: false }).first().click(),
	see: (page, text) => page.getByText(text, { exact: false }).first().waitFor({ state: 'visible' }),
	shot: (page, file) => page.screenshot({ path: file }),
	patience: (page, milliseconds) => page.setDefaultTimeout(milliseconds),
	text: async (page) => console.log(await page.innerText('body')),
};

async function main() {
	const context = await chromium.launchPersistentContext(profile, {
		executablePath, args: FLAGS, headless: true, viewport: { width: 1280, height: 720 }, timeout: 60000 });
	try {
		const page = context.pages()[0] || await context.newPage();
		page.setDefaultTimeout(60000);
		for (const step of JSON.parse(steps)) {
			const [act, value] = Object.entries(step)[0];
			try {
				await ACTS[act](page, value);
			} catch (problem) {
				const text = (await page.innerText('body', { timeout: 60000 })).replace(/\s+/g, ' ').slice(0, 600);
				throw new Error(`${act} ${value}: ${problem.message.split('\n')[0]}; the page says: ${text}`);
			}
		}
	} finally {
		await context.close();
	}
}

main().catch((problem) => {
	console.error(problem.message);
	process.exitCode = 1;
});
