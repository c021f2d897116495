# SPDX-License-Identifier: MIT
# ruby_logger.rb ROOT ARGS... - Ruby's own test runner, with one line of JSON per test.
#
# Runs in the tested interpreter, plain or preloaded.  The file SUITE_LOG gets each outcome, and first
# whether our library is loaded.  It is opened for each line: tests count descriptors.  Only the
# process that runs the tests says anything.

require "json"

module SuiteLogger
  OWNER = Process.pid
  LOG = ENV.delete("SUITE_LOG")

  def self.say(line)
    return unless Process.pid == OWNER
    File.open(LOG, "a") { |log| log.puts(JSON.generate(line)) }
  end

  def self.outcome(error)
    case error
    when nil then "passed"
    when Test::Unit::PendedError then "skipped"
    else "failed"
    end
  end

  # The runner calls it as each test ends, and again when its teardown fails.
  def record(suite, method, assertions, time, error)
    detail = error && [error.class, error.message, *error.backtrace&.first(8)].join("\n").scrub
    SuiteLogger.say({ id: "#{suite}##{method}", outcome: SuiteLogger.outcome(error), detail: detail || "" })
    super
  end
end

SuiteLogger.say({ loaded: File.read("/proc/self/maps").include?("libtagalong") })
root = ARGV.shift
$LOAD_PATH.unshift("#{root}/tool/lib")
require "test/unit"
Test::Unit::Runner.prepend(SuiteLogger)
$0 = "#{root}/test/runner.rb"
load $0
