/** Streams of several tasks by real clients: an envelope says which task failed, and the others go on. */

import { ApolloClient, gql, InMemoryCache } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { describe, expect, it } from "@jest/globals";
import { Client, subscriptionExchange } from "@urql/core";
import { Environment, Network, Observable, RecordSource, Store } from "relay-runtime";
import { eventually } from "../../support/eventually.js";
import { EVERY_SECOND, nextPoll } from "../../support/next-poll.js";
import { startGateway } from "../../support/start-gateway.js";
import { connect, subscribe } from "../../support/subscribe.js";

interface Event {
  readonly kind: string;
  readonly key: { readonly taskId: string } | null;
  readonly task: { readonly taskId: string; readonly status: string } | null;
  readonly error: { readonly code: string } | null;
}

interface Data {
  readonly taskEvents: Event;
}

const EVENTS = "kind key { taskId } task { id taskId status } error { code message retryAfterMs }";
const FOLLOW = `subscription Follow($keys: [TaskKeyInput!]!) { taskEvents(keys: $keys) { ${EVENTS} } }`;
const BOARD = `subscription ($maxStalenessMs: Int) {
  projectEvents(projectName: "immtest", maxStalenessMs: $maxStalenessMs) { ${EVENTS} }
}`;

/** Follows by a client as its users do, and hands each event on. */
type Follow = (url: string, keys: readonly object[], onEvent: (event: Event) => void) => void;

const byApollo: Follow = (url, keys, onEvent) => {
  const client = new ApolloClient({ link: new GraphQLWsLink(connect(url)), cache: new InMemoryCache() });
  client.subscribe<Data>({ query: gql(FOLLOW), variables: { keys } }).subscribe(({ data, error }) => {
    expect(error).toBeUndefined();
    if (data) onEvent(data.taskEvents);
  });
};

const byUrql: Follow = (url, keys, onEvent) => {
  const socket = connect(url);
  const client = new Client({
    url: `${url}/graphql`,
    exchanges: [
      subscriptionExchange({
        forwardSubscription: ({ query = "", variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: socket.subscribe({ query, variables: variables ?? {} }, sink as never),
          }),
        }),
      }),
    ],
  });
  client.subscription<Data>(FOLLOW, { keys }).subscribe(({ data, error }) => {
    expect(error).toBeUndefined();
    if (data) onEvent(data.taskEvents);
  });
};

/** Relay's network layer and its store: it ends a subscription whose payload has errors and no data. */
const byRelay: Follow = (url, keys, onEvent) => {
  const socket = connect(url);
  const environment = new Environment({
    store: new Store(new RecordSource()),
    network: Network.create(
      () => {
        throw new Error("Nothing is queried.");
      },
      (_operation, variables) =>
        Observable.create((sink) => socket.subscribe({ query: FOLLOW, variables }, sink as never)),
    ),
  });
  const network = environment.getNetwork();
  const request = { name: "Follow", operationKind: "subscription", text: FOLLOW, id: null, metadata: {}, cacheID: "f" };
  network.execute(request as never, { keys }, {}).subscribe({
    next: (payload) => onEvent((payload as { data: Data }).data.taskEvents),
    error: (thrown: unknown) => {
      throw thrown;
    },
  });
};

describe.each<[name: string, follow: Follow]>([
  ["Apollo Client", byApollo],
  ["urql", byUrql],
  ["Relay", byRelay],
])("a hundred keys, by %s", (_name, follow) => {
  it("go on when one is unknown and another fails later, and each is named", async () => {
    const running = await startGateway({ gateway: EVERY_SECOND });
    const { url, emulator, gateway } = running;
    const ids = Array.from({ length: 99 }, (_value, index) => `task-${index}`);
    for (const taskId of ids) emulator.addTask({ taskType: "FileCompression", taskId, durationMs: Infinity });
    const keys = [...ids, "nobody"].map((taskId) => ({ projectName: "immtest", taskType: "FileCompression", taskId }));
    const events: Event[] = [];
    follow(url, keys, (event) => void events.push(event));
    await eventually(() => events.some(({ kind }) => kind === "CAUGHT_UP"));
    expect(events).toHaveLength(101);
    expect(events.filter(({ kind }) => kind === "SNAPSHOT")).toHaveLength(99);
    expect(events.filter(({ kind }) => kind === "FAILED")).toMatchObject([
      { key: { taskId: "nobody" }, task: null, error: { code: "NOT_FOUND" } },
    ]);
    expect(events.at(-1)).toMatchObject({ kind: "CAUGHT_UP", key: null, task: null, error: null });
    events.length = 0;
    emulator.forgetTask("task-7");
    emulator.finishTask("task-8");
    await nextPoll(running);
    await eventually(() => events.length === 2);
    expect(events).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ kind: "FAILED", key: expect.objectContaining({ taskId: "task-7" }) }),
        expect.objectContaining({ kind: "FINAL", task: expect.objectContaining({ status: "SUCCEEDED" }) }),
      ]),
    );
    expect(gateway.watchedTasks).toBe(97);
  });
});

describe("the course of a stream", () => {
  it("says of an empty project that it has caught up", async () => {
    const { url } = await startGateway();
    const events = subscribe<{ projectEvents: Event }>(connect(url), BOARD);
    expect((await events.next()).data?.projectEvents.kind).toBe("CAUGHT_UP");
    events.unsubscribe();
  });

  it("says that IMM cannot be asked, once, and what has changed when it can", async () => {
    const { url, emulator, clock } = await startGateway();
    emulator.addTask({ taskType: "FileCompression", taskId: "run", durationMs: Infinity });
    emulator.setProgress("run", 10);
    const client = connect(url);
    const document = BOARD.replace("status }", "status progress }");
    const events = subscribe<{ projectEvents: Event }>(client, document);
    const next = async (): Promise<Event | undefined> => (await events.next()).data?.projectEvents;
    expect([(await next())?.kind, (await next())?.kind]).toEqual(["SNAPSHOT", "CAUGHT_UP"]);
    const heal = emulator.injectFault({ kind: "serverError" });
    const delayed = next();
    let isSent = false;
    void delayed.then(() => (isSent = true));
    while (!isSent) await clock.advance(500);
    expect(await delayed).toMatchObject({ kind: "DELAYED", task: null, error: { code: "UPSTREAM_UNAVAILABLE" } });
    // Who comes meanwhile is told so too, after what is known.
    const late = subscribe<{ projectEvents: Event }>(client, document);
    expect((await late.next()).data?.projectEvents.kind).toBe("SNAPSHOT");
    expect((await late.next()).data?.projectEvents.kind).toBe("DELAYED");
    late.unsubscribe();
    for (let step = 0; step < 40; step += 1) await clock.advance(500);
    heal();
    emulator.setProgress("run", 20);
    const changed = next();
    let isChanged = false;
    void changed.then(() => (isChanged = true));
    while (!isChanged) await clock.advance(500);
    expect(await changed).toMatchObject({ kind: "CHANGE", task: { taskId: "run" } });
    expect((await next())?.kind).toBe("CAUGHT_UP");
    events.unsubscribe();
  });

  it("is told to nobody who follows a single task", async () => {
    const { url, emulator, clock } = await startGateway();
    emulator.addTask({ taskType: "FileCompression", taskId: "run", durationMs: Infinity });
    const key = '{ projectName: "immtest", taskType: "FileCompression", taskId: "run" }';
    const events = subscribe(connect(url), `subscription { taskProgress(key: ${key}) { status } }`);
    expect((await events.next()).data).toEqual({ taskProgress: { status: "RUNNING" } });
    const heal = emulator.injectFault({ kind: "serverError" });
    for (let step = 0; step < 20; step += 1) await clock.advance(500);
    heal();
    emulator.finishTask("run");
    const next = events.next();
    let isSent = false;
    void next.then(() => (isSent = true));
    while (!isSent) await clock.advance(500);
    expect((await next).data).toEqual({ taskProgress: { status: "SUCCEEDED" } });
    expect(await events.rest()).toEqual([]);
  });
});
