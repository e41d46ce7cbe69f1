import { describe, expect, it } from "@jest/globals";
import { SingleFlight } from "../../src/tasks/single-flight.js";

describe("a flight", () => {
  it("is shared while it is under way, and forgotten with its answer", async () => {
    const flights = new SingleFlight<string>();
    const answer = flights.begin("key", async () => "a");
    expect(flights.get("key")?.answer).toBe(answer);
    expect(await answer).toBe("a");
    expect(flights.get("key")).toBeUndefined();
  });

  it("is forgotten with its failure, for others to begin anew", async () => {
    const flights = new SingleFlight<string>();
    const failing = flights.begin("key", async () => {
      throw new Error("late");
    });
    await expect(failing).rejects.toThrow("late");
    expect(flights.get("key")).toBeUndefined();
  });

  it("has not begun where its call throws at once", () => {
    const flights = new SingleFlight<string>();
    const broken = (): never => {
      throw new Error("at once");
    };
    expect(() => flights.begin("key", broken)).toThrow("at once");
    expect(flights.get("key")).toBeUndefined();
  });
});
