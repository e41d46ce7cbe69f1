import { describe, expect, it } from "@jest/globals";
import { LEASE_MS, WANT_MS } from "../../../src/tasks/watch/exchange.js";
import { MemoryExchangeStore, type MemoryExchange } from "../../../src/tasks/watch/memory-exchange.js";
import { NewsOrder, type NewsMessage } from "../../../src/tasks/watch/news-order.js";
import { eventually } from "../../support/eventually.js";
import { describeExchange, type ExchangeInstance } from "../../support/exchange-suite.js";
import { ManualClock } from "../../support/manual-clock.js";

const instanceOf = (exchange: MemoryExchange): ExchangeInstance => ({
  exchange,
  goAway: async () => exchange.goAway(),
  comeBack: async () => exchange.comeBack(),
  kill: async () => exchange.kill(),
  get isDeaf() {
    return exchange.isDeaf;
  },
  set isDeaf(isDeaf) {
    exchange.isDeaf = isDeaf;
  },
});

describeExchange("in memory", async () => {
  const clock = new ManualClock();
  const store = new MemoryExchangeStore(clock);
  return {
    leaseMs: LEASE_MS,
    wantMs: WANT_MS,
    open: async () => instanceOf(store.open()),
    tick: () => clock.tick(),
    pass: async (ms) => clock.advance(ms),
    until: eventually,
  };
});

describe("the order of news", () => {
  const start = (): { readonly order: NewsOrder; readonly told: string[] } => {
    const told: string[] = [];
    return { order: new NewsOrder({ onNews: (text) => told.push(text), onGap: () => told.push("gap") }), told };
  };
  const message = (epoch: number, seq: number): NewsMessage => ({ epoch, seq, text: `${epoch}/${seq}`, isOwn: false });

  it("drops what is of an older lease or known, and sees where something is left out", () => {
    const { order, told } = start();
    order.receive(message(1, 1));
    order.claimBegins();
    order.claimEnds({ epoch: 1, seq: 1 });
    order.receive(message(0, 2));
    order.receive(message(1, 1));
    order.receive(message(1, 2));
    order.receive({ ...message(1, 3), isOwn: true });
    order.published({ epoch: 1, seq: 4 });
    order.receive({ ...message(1, 4), isOwn: true });
    order.receive(message(1, 5));
    order.receive(message(1, 7));
    order.receive(message(1, 8));
    expect(told).toEqual(["1/2", "1/5", "gap"]);
  });

  it("keeps what comes while a claim is under way until its answer has been read", async () => {
    const { order, told } = start();
    order.claimBegins();
    order.claimBegins();
    for (const seq of [1, 2, 3]) order.receive(message(1, seq));
    order.claimEnds({ epoch: 1, seq: 1 });
    order.claimEnds(undefined);
    order.receive(message(1, 4));
    expect(told).toEqual([]);
    await eventually(() => told.length > 0);
    expect(told).toEqual(["1/2", "1/3", "1/4"]);
  });

  it("does not keep what the answer of one of several claims has in it", async () => {
    const { order, told } = start();
    order.claimBegins();
    for (let seq = 1; seq <= 200; seq += 1) {
      order.receive(message(1, seq));
      order.claimBegins();
      order.claimEnds({ epoch: 1, seq: seq - 1 });
    }
    order.claimEnds(undefined);
    await eventually(() => told.length > 0);
    expect(told).toEqual(["1/200"]);
  });

  it("keeps so much and no more, and what cannot be read counts as missed", async () => {
    const { order, told } = start();
    order.claimBegins();
    for (let seq = 1; seq <= 200; seq += 1) order.receive(message(1, seq));
    order.claimEnds({ epoch: 1, seq: 0 });
    await eventually(() => told.includes("gap"));
    expect(told).toHaveLength(100);
    order.claimBegins();
    order.claimEnds({ epoch: 1, seq: 200 });
    order.missed();
    expect(told).toHaveLength(101);
  });
});
