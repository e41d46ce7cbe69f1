/**
 * The metrics, by prom-client, for Prometheus and what reads its format. `server/` loads it only where there is a port for them.
 *
 * Every label has a bounded number of values: none is a task, a caller, a project, or a word of a client. What is a number of
 * this moment is read when it is scraped. docs/observing.md says what each series tells.
 */

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Clock } from "../clock.js";
import { UpstreamThrottledError } from "../errors.js";
import type { Metrics, Readings } from "../observe.js";
import { toImmCode, toOperationCode, toOutcome } from "./metric-labels.js";

/** Metrics, and their text. */
export interface Prometheus {
  readonly metrics: Metrics;
  /** Everything there is at this moment, in Prometheus' text format. */
  readonly text: () => Promise<string>;
}

/** What the text is, for a header. */
export const CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

export interface PrometheusOptions {
  readonly clock: Clock;
  readonly readings: () => Readings;
}

const PREFIX = "imm_graphql_";
const SECOND_MS = 1_000;

/** From half a round trip within a region to beyond the default deadline of a call. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const AGE_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** Redis answers from memory, and is given up after a second. */
const SCRIPT_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1];
const PAGES = [1, 2, 5, 10, 25, 50, 100];
const TASKS = [2, 5, 10, 25, 50, 100, 250, 1_000, 10_000];

/** The delays of the event loop are looked at so often, and are no shorter. Node's own 10 ms would cost a hundredth of a core. */
const LOOP_RESOLUTION_MS = 50;

/** Of the process, which all gateways in it have in common: it is looked at once, and for good. */
let ofProcess: Registry | undefined;

export function createPrometheus({ clock, readings }: PrometheusOptions): Prometheus {
  const registry = new Registry();
  if (ofProcess === undefined) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess, eventLoopMonitoringPrecision: LOOP_RESOLUTION_MS });
  }
  const shared = ofProcess;
  let latest = readings();
  readEach(registry, () => latest);
  return {
    metrics: {
      ...createMetrics(registry, clock),
      // Its series are there only where it is.
      scriptEnded: latest.redis === undefined ? () => undefined : countScripts(registry),
    },
    text: async () => {
      latest = readings();
      return `${await registry.metrics()}\n${await shared.metrics()}`;
    },
  };
}

function createMetrics(registry: Registry, clock: Clock): Omit<Metrics, "scriptEnded"> {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]): Counter<L> =>
    new Counter({ name: PREFIX + name, help, labelNames, registers });
  const histogram = <L extends string>(
    name: string,
    help: string,
    buckets: number[],
    ...labelNames: L[]
  ): Histogram<L> => new Histogram({ name: PREFIX + name, help, buckets, labelNames, registers });

  const calls = counter("imm_calls_total", "Attempts of calls to IMM.", "action", "outcome", "code");
  const callSeconds = histogram("imm_call_duration_seconds", "How long an attempt took.", SECONDS, "action");
  const refusedCalls = counter("imm_calls_refused_total", "Calls that were not sent to IMM.", "reason");
  const throttled = counter("imm_throttled_seconds_total", "Seconds in which IMM has throttled.");
  const savedCalls = counter("imm_calls_saved_total", "Calls to IMM that operations were spared.");
  const cachedTasks = counter("tasks_from_memory_total", "Tasks that were answered from memory.");
  const sharedTasks = counter("tasks_shared_total", "Tasks that were answered by a call that others had caused.");
  const operations = counter("operations_total", "Operations of clients.", "transport", "kind", "code");
  const operationSeconds = histogram(
    "operation_duration_seconds",
    "How long an operation took; a subscription, until its stream began.",
    SECONDS,
    "transport",
    "kind",
  );
  const streams = new Gauge({
    name: `${PREFIX}streams`,
    help: "Subscriptions that are open.",
    labelNames: ["transport"],
    registers,
  });
  const refusals = counter("refusals_total", "Clients that were refused.", "reason", "allowance");
  const polls = counter("polls_total", "Polls of watched projects.", "outcome");
  const pollSeconds = histogram("poll_duration_seconds", "How long a poll took.", SECONDS);
  const sweepPages = histogram("sweep_pages", "Pages of lists that were read for several tasks at once.", PAGES);
  const sweepTasks = histogram("sweep_tasks", "Tasks that were looked for in lists at once.", TASKS);
  const eventAge = histogram("event_age_seconds", "Age of a snapshot when it is handed to subscribers.", AGE_SECONDS);

  let throttledTick = -Infinity;
  const countThrottled = (now: number): void => {
    if (now - throttledTick < SECOND_MS) return;
    throttledTick = now;
    throttled.inc();
  };

  return {
    callEnded(action, error, durationMs) {
      calls.inc({ action, outcome: toOutcome(error), code: toImmCode(error) });
      callSeconds.observe({ action }, durationMs / SECOND_MS);
      if (error instanceof UpstreamThrottledError) countThrottled(clock.tick());
    },
    callRefused: (reason) => refusedCalls.inc({ reason }),
    operationAnswered({ transport, kind, code, durationMs, ...tally }) {
      operations.inc({ transport, kind, code: toOperationCode(code) });
      operationSeconds.observe({ transport, kind }, durationMs / SECOND_MS);
      cachedTasks.inc(tally.cachedTasks);
      sharedTasks.inc(tally.sharedTasks);
      savedCalls.inc(tally.savedCalls);
    },
    streamBegan: (transport) => streams.inc({ transport }),
    streamEnded: (transport) => streams.dec({ transport }),
    refused: (reason, allowance) => refusals.inc({ reason, allowance }),
    polled(durationMs, error) {
      polls.inc({ outcome: toOutcome(error) });
      pollSeconds.observe(durationMs / SECOND_MS);
    },
    swept(pages, tasks) {
      sweepPages.observe(pages);
      sweepTasks.observe(tasks);
    },
    delivered: (ageMs) => eventAge.observe(ageMs / SECOND_MS),
  };
}

function countScripts(registry: Registry): Metrics["scriptEnded"] {
  const registers = [registry];
  const scripts = new Counter({
    name: `${PREFIX}redis_scripts_total`,
    help: "Scripts that were sent to Redis.",
    labelNames: ["script", "outcome"],
    registers,
  });
  const scriptSeconds = new Histogram({
    name: `${PREFIX}redis_script_duration_seconds`,
    help: "How long a script took.",
    buckets: SCRIPT_SECONDS,
    labelNames: ["script"],
    registers,
  });
  return (script, error, durationMs) => {
    scripts.inc({ script, outcome: error === undefined ? "ok" : "failed" });
    scriptSeconds.observe({ script }, durationMs / SECOND_MS);
  };
}

/** Series of which each scrape reads the numbers. */
function readEach(registry: Registry, readings: () => Readings): void {
  const registers = [registry];
  const gauge = (name: string, help: string, read: (from: Readings) => number): void => {
    const series: Gauge = new Gauge({
      name: PREFIX + name,
      help,
      registers,
      collect: () => series.set(read(readings())),
    });
  };
  const total = (name: string, help: string, read: (from: Readings) => number): void => {
    const series: Counter = new Counter({
      name: PREFIX + name,
      help,
      registers,
      collect: () => {
        series.reset();
        series.inc(read(readings()));
      },
    });
  };
  const gauges = (
    name: string,
    help: string,
    labelName: string,
    read: (from: Readings) => Readonly<Record<string, number>>,
  ): void => {
    const series: Gauge = new Gauge({
      name: PREFIX + name,
      help,
      registers,
      labelNames: [labelName],
      collect: () => {
        for (const [value, number] of Object.entries(read(readings()))) series.labels(value).set(number);
      },
    });
  };

  gauge("imm_calls_in_flight", "Calls to IMM in flight.", (from) => from.callsInFlight);
  gauges("imm_calls_waiting", "Calls to IMM that wait for their turn.", "urgency", (from) => from.callsWaiting);
  gauge("imm_calls_left", "Calls that the busiest project may be sent in this second.", (from) => from.callsLeft);
  gauges("imm_breaker_state", "1 for the state of the circuit breaker.", "state", ({ breaker }) => ({
    closed: Number(breaker === "closed"),
    open: Number(breaker === "open"),
    trying: Number(breaker === "trying"),
  }));
  gauge("watched_tasks", "Tasks that are watched.", (from) => from.watchedTasks);
  gauge("watched_projects", "Projects of which something is watched.", (from) => from.watchedProjects);
  gauge("followers", "Streams of events that read what is watched.", (from) => from.followers);
  gauge(
    "watch_oldest_seconds",
    "Age of what is known of the watched task that IMM has said nothing of for the longest time.",
    (from) => from.oldestWatchedMs / SECOND_MS,
  );
  gauges("tasks_kept", "Snapshots of tasks in memory.", "state", (from) => ({
    finished: from.finishedTasks,
    running: from.runningTasks,
  }));
  gauge("sockets", "WebSockets that are open.", (from) => from.sockets);
  total("events_delivered_total", "Events that were given to clients.", (from) => from.deliveredEvents);
  total(
    "events_replaced_total",
    "Events that a client had not taken when a newer one took their place.",
    (from) => from.replacedEvents,
  );
  if (readings().redis === undefined) return;
  gauge("redis_up", "1 while Redis is there.", ({ redis }) => Number(redis?.state === "up"));
  gauge("redis_instances", "Instances that share, as last seen.", ({ redis }) => redis?.instances ?? 0);
  gauges(
    "redis_projects",
    "Watched projects, by which instance polls them.",
    "poller",
    ({ watchedProjects, projectsPolledElsewhere }) => ({
      this: watchedProjects - projectsPolledElsewhere,
      other: projectsPolledElsewhere,
    }),
  );
}
