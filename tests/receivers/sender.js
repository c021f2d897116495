#!/usr/bin/env node
// SPDX-License-Identifier: MIT
'use strict';
/*
 * sender.js - OpenTelemetry's own packages send a little of everything: a sender that is
 * known to be right, to see that the receivers take what is right.
 *
 *     sender.js BASE_URL protobuf|json [gzip]
 *
 * Prints {spans: [names], logs: n, metrics: [names]} of what it sent.  Their JSON has numbers
 * for 64-bit integers and empty lists, which is allowed, but not strict; so JSON is their
 * protobuf, decoded.
 */
const { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } = require('@opentelemetry/api');
const { OTLPLogExporter } = require('@opentelemetry/exporter-logs-otlp-proto');
const { OTLPMetricExporter } = require('@opentelemetry/exporter-metrics-otlp-proto');
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-proto');
const { ProtobufLogsSerializer, ProtobufMetricsSerializer, ProtobufTraceSerializer } =
	require('@opentelemetry/otlp-transformer');
const { LoggerProvider, BatchLogRecordProcessor } = require('@opentelemetry/sdk-logs');
const { MeterProvider, PeriodicExportingMetricReader } = require('@opentelemetry/sdk-metrics');
const { BasicTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { decode } = require('./strict.js');

const [base, protocol, compression] = process.argv.slice(2);
const resource = resourceFromAttributes({ 'service.name': 'sender' });

/** An exporter that posts JSON. */
class Json {
	constructor(signal, serializer) {
		this.signal = signal;
		this.serializer = serializer;
	}

	export(items, done) {
		const request = decode(this.signal, 'protobuf', Buffer.from(this.serializer.serializeRequest(items)));
		const sent = fetch(`${base}/v1/${this.signal}`, { method: 'POST', body: JSON.stringify(request),
			headers: { 'Content-Type': 'application/json', 'User-Agent': 'sender/1' } });
		sent.then(async (response) => {
			const error = response.ok ? undefined : new Error(await response.text());
			done({ code: error ? 1 : 0, error });
		});
	}

	async shutdown() {}

	async forceFlush() {}
}

function exporter(signal, official, serializer) {
	const url = `${base}/v1/${signal}`;
	return protocol === 'json' ? new Json(signal, serializer) : new official({ url, compression });
}

async function spans() {
	const provider = new BasicTracerProvider({ resource,
		spanProcessors: [new BatchSpanProcessor(exporter('traces', OTLPTraceExporter, ProtobufTraceSerializer))] });
	const tracer = provider.getTracer('sender', '1');
	const root = tracer.startSpan('GET /cart', { kind: SpanKind.SERVER, attributes: {
		text: 'Grüße', whole: -7, half: 1.5, yes: true, words: ['a', 'b'], numbers: [1, 2] } }, ROOT_CONTEXT);
	root.addEvent('checked', { rows: 3 });
	const within = trace.setSpan(ROOT_CONTEXT, root);
	const child = tracer.startSpan('SELECT', { kind: SpanKind.CLIENT, links: [{ context: root.spanContext() }] }, within);
	child.setStatus({ code: SpanStatusCode.ERROR, message: 'timeout' });
	child.end();
	root.end();
	await provider.shutdown();
	return [root.name, child.name];
}

async function logs() {
	const provider = new LoggerProvider({ resource,
		processors: [new BatchLogRecordProcessor(exporter('logs', OTLPLogExporter, ProtobufLogsSerializer))] });
	const logger = provider.getLogger('sender', '1');
	logger.emit({ severityNumber: 17, severityText: 'ERROR', body: 'cart is empty', attributes: { user: 'kim' } });
	logger.emit({ severityNumber: 9, severityText: 'INFO', body: 'hello' });
	await provider.shutdown();
	return 2;
}

async function metrics() {
	const reader = new PeriodicExportingMetricReader({ exporter: exporter('metrics', OTLPMetricExporter, ProtobufMetricsSerializer),
		exportIntervalMillis: 3600000 });
	const provider = new MeterProvider({ resource, readers: [reader] });
	const meter = provider.getMeter('sender', '1');
	meter.createCounter('requests').add(3, { route: '/cart' });
	meter.createHistogram('duration', { unit: 's' }).record(0.25);
	await provider.shutdown();
	return ['duration', 'requests'];
}

(async () => console.log(JSON.stringify({ spans: await spans(), logs: await logs(), metrics: await metrics() })))();
