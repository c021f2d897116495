// SPDX-License-Identifier: MIT
// Storm.java - faults that a Java machine makes exceptions of: null, division, deep stacks.
public class Storm {
	static class Apple { int weight = 1; Apple next; }

	static int weigh(Apple apple) { return apple.weight; }

	static int deep(int depth) { return deep(depth + 1) + 1; }

	static int storm(int rounds) {
		int caught = 0;
		int[] none = null;

		for (int i = 0; i < rounds; i++) {
			Apple apple = i % 3 == 0 ? new Apple() : null;
			try { weigh(apple); } catch (NullPointerException e) { caught++; }
			try { none[i % 5]++; } catch (NullPointerException e) { caught++; }
			try { caught += 1000 / (i % 2); } catch (ArithmeticException e) { caught++; }
		}
		return caught;
	}

	public static void main(String[] words) throws Exception {
		Thread[] threads = new Thread[4];
		int[] counts = new int[threads.length];

		for (int i = 0; i < threads.length; i++) {
			final int number = i;
			threads[i] = new Thread(() -> counts[number] = storm(50000));
			threads[i].start();
		}
		for (Thread thread : threads)
			thread.join();
		int overflows = 0;
		for (int i = 0; i < 5; i++)
			try { deep(0); } catch (StackOverflowError e) { overflows++; }
		System.out.println(counts[0] + " " + counts[1] + " " + counts[2] + " " + counts[3] + " " + overflows);
		System.out.flush();
		if (words.length > 0)
			System.in.read();
	}
}
