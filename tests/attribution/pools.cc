/* SPDX-License-Identifier: MIT */
/* pools.cc - pools as C++ has them: std::condition_variable, std::counting_semaphore, std::async. */
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <future>
#include <mutex>
#include <semaphore>
#include <thread>
#include <vector>

#include "server.h"

namespace {

constexpr int workers = 32;

template <class Queue> int run_pool(int listener)
{
	static Queue queue;

	for (int i = 0; i < workers; i++)
		std::thread([] {
			for (;;)
				item_serve(queue.take());
		}).detach();
	reader_run(listener, [](item *one) { queue.put(one); }, -1, nullptr);
	return 0;
}

class ConditionQueue {
	std::mutex lock;
	std::condition_variable filled;
	std::deque<item *> items;

public:
	void put(item *one)
	{
		{
			std::lock_guard<std::mutex> guard(lock);
			items.push_back(one);
		}
		filled.notify_one();
	}

	item *take()
	{
		std::unique_lock<std::mutex> guard(lock);
		filled.wait(guard, [this] { return !items.empty(); });
		item *one = items.front();
		items.pop_front();
		return one;
	}
};

class SemaphoreQueue {
	std::mutex lock;
	std::counting_semaphore<> filled{0};
	std::deque<item *> items;

public:
	void put(item *one)
	{
		{
			std::lock_guard<std::mutex> guard(lock);
			items.push_back(one);
		}
		filled.release();
	}

	item *take()
	{
		filled.acquire();
		std::lock_guard<std::mutex> guard(lock);
		item *one = items.front();
		items.pop_front();
		return one;
	}
};

/* A thread for each request; finished ones are collected when the next one comes. */
void put_async(item *one)
{
	static std::mutex lock;
	static std::vector<std::future<void>> running;
	std::lock_guard<std::mutex> guard(lock);

	for (size_t i = 0; i < running.size();) {
		if (running[i].wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
			running[i] = std::move(running.back());
			running.pop_back();
		} else {
			i++;
		}
	}
	running.push_back(std::async(std::launch::async, [one] { item_serve(one); }));
}

} // namespace

int model_cxx_condvar(int listener)
{
	return run_pool<ConditionQueue>(listener);
}

int model_cxx_semaphore(int listener)
{
	return run_pool<SemaphoreQueue>(listener);
}

int model_cxx_async(int listener)
{
	reader_run(listener, put_async, -1, nullptr);
	return 0;
}
