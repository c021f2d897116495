#!/usr/bin/env node
// SPDX-License-Identifier: MIT
'use strict';
/*
 * sentry.js - Sentry's own SDK sends a transaction and an error: a sender that is known to be
 * right, to see that the receivers take what is right.
 *
 *     sentry.js DSN
 */
const Sentry = require('@sentry/node');

Sentry.init({ dsn: process.argv[2], tracesSampleRate: 1, defaultIntegrations: false });
Sentry.setTag('tenant', 'acme');
Sentry.startSpan({ name: 'GET /cart', op: 'http.server' }, () => {
	Sentry.addBreadcrumb({ message: 'cart is asked for' });
	Sentry.startSpan({ name: 'SELECT items', op: 'db' }, () => {});
	Sentry.captureException(new Error('card was declined'));
});
Sentry.close(10000).then((done) => process.exit(done ? 0 : 1));
