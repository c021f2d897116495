// SPDX-License-Identifier: MIT
// traps.js - what V8 makes of faults: WebAssembly out of bounds and division, deep stacks, hot code.
const { Worker, isMainThread } = require("worker_threads");

// (memory 1) (func (export "load") (param i32) (result i32) local.get 0 i32.load)
// (func (export "divide") (param i32 i32) (result i32) local.get 0 local.get 1 i32.div_s)
const code = new Uint8Array([
	0, 97, 115, 109, 1, 0, 0, 0, 1, 12, 2, 96, 1, 127, 1, 127, 96, 2, 127, 127, 1, 127, 3, 3, 2, 0, 1, 5, 3, 1, 0, 1,
	7, 17, 2, 4, 108, 111, 97, 100, 0, 0, 6, 100, 105, 118, 105, 100, 101, 0, 1, 10, 17, 2, 7, 0, 32, 0, 40, 2, 0, 11,
	7, 0, 32, 0, 32, 1, 109, 11]);

function storm() {
	const { load, divide } = new WebAssembly.Instance(new WebAssembly.Module(code)).exports;
	let trapped = 0, deep = 0, sum = 0;

	for (let i = 0; i < 3000; i++) {
		try { load(65536 + i * 4096); } catch (error) { trapped += error instanceof WebAssembly.RuntimeError; }
		try { divide(i, 0); } catch (error) { trapped += error instanceof WebAssembly.RuntimeError; }
	}
	const down = n => down(n + 1) + 1;
	for (let i = 0; i < 5; i++)
		try { down(0); } catch (error) { deep += error instanceof RangeError; }
	for (let i = 0; i < 3e6; i++)
		sum = (sum * 31 + i) | 0;
	return `${trapped} ${deep} ${sum}`;
}

console.log(storm());
if (isMainThread)
	new Worker(__filename);
