import { describe, expect, it } from "@jest/globals";
import { buildSchema, GraphQLError, OperationTypeNode, parse } from "graphql";
import { OPEN_ACCESS } from "../../../src/access/access.js";
import { EVERYBODY } from "../../../src/access/principal.js";
import { RateLimitedError, UnauthenticatedError } from "../../../src/errors.js";
import {
  Pipeline,
  type Client,
  type PipelineOptions,
  type Preparation,
} from "../../../src/server/operation/pipeline.js";
import type { Admission } from "../../../src/server/limits/caller-limits.js";
import { CallTally } from "../../../src/tasks/call-tally.js";
import { NO_LIMITS } from "../../support/no-limits.js";
import { NOBODY } from "../../support/nobody.js";

const throws = (): never => {
  throw new Error("odd");
};
const FAILED = { errors: [{ originalError: { message: "odd" } }] };
const CLIENT: Client = { ...NOBODY, isPosted: true, signal: new AbortController().signal };

// The cast: what a part fails before is not looked at.
function pipelineOf(options: Partial<Record<keyof PipelineOptions, unknown>>): Pipeline {
  const persisted = { resolve: () => ({ kind: "sent" }) };
  return new Pipeline({ ...NO_LIMITS, access: OPEN_ACCESS, persisted, ...options } as unknown as PipelineOptions);
}

describe("the pipeline", () => {
  it.each(["access", "persisted", "documents"])(
    "rejects an operation where a part fails, and does not throw: %s",
    async (part) => {
      const broken = { check: throws, resolve: throws, authenticate: throws };
      const pipeline = pipelineOf({ documents: broken, [part]: broken });
      expect(await pipeline.prepare({ query: "{ a }" }, CLIENT)).toMatchObject({ kind: "rejected", ...FAILED });
    },
  );

  it("asks who it is before anything else, but not a socket that has said so", async () => {
    const pipeline = pipelineOf({
      access: {
        ...OPEN_ACCESS,
        authenticate: async () => {
          throw new UnauthenticatedError("Expected credentials.");
        },
      },
      documents: { check: throws },
    });
    expect(await pipeline.prepare({ query: "{ a }" }, CLIENT)).toMatchObject({
      kind: "rejected",
      errors: [{ message: "Expected credentials.", extensions: { http: { status: 401 } } }],
    });
    const named = { ...CLIENT, principal: EVERYBODY };
    expect(await pipeline.prepare({ query: "{ a }" }, named)).toMatchObject(FAILED);
  });

  it("takes a mutation by a POST alone, and does not ask what else is wrong with another", async () => {
    const document = parse("mutation { a }");
    const documents = { check: () => ({ document, errors: [new GraphQLError("wrong")] }) };
    const refusal = await pipelineOf({ documents }).prepare({ query: "" }, { ...CLIENT, isPosted: false });
    expect(refusal).toMatchObject({ kind: "refused", operation: "mutation" });
    expect(refusal.kind !== "ready" && refusal.errors).toMatchObject([
      { message: "Expected a mutation to be posted.", extensions: { code: "BAD_REQUEST", http: { status: 405 } } },
    ]);
    const posted = await pipelineOf({ documents }).prepare({ query: "" }, CLIENT);
    expect(posted).toMatchObject({ kind: "refused", errors: [{ message: "wrong" }] });
  });

  it("waits for an allowance that is shared with other instances, and refuses as it does for one of its own", async () => {
    const document = parse("{ a }");
    const schema = buildSchema("type Query { a: Int }");
    const after: string[] = [];
    const admission: Admission = {
      settle: (calls) => void after.push(`charged ${calls}`),
      leave: () => void after.push("left"),
    };
    const parts = { schema, documents: { check: () => ({ document, errors: [] }) } };
    const spent = new RateLimitedError("Spent.", { retryAfterMs: 5 });
    const refused = async (): Promise<Admission> => Promise.reject(spent);
    const ofRefused = pipelineOf({ ...parts, callerLimits: { admit: refused } });
    expect(await ofRefused.prepare({ query: "{ a }" }, CLIENT)).toMatchObject({
      kind: "refused",
      operation: "query",
      errors: [{ message: "Spent.", originalError: spent, extensions: { http: { status: 429 } } }],
    });
    const callerLimits = { admit: async () => admission };
    const ofAdmitted = pipelineOf({ ...parts, callerLimits, createContext: () => ({}) });
    expect(await ofAdmitted.prepare({ query: "{ a }" }, CLIENT)).toMatchObject({ kind: "ready", admission });
    expect(after).toEqual([]);
    // What fails after it was charged is given back.
    const ofBroken = pipelineOf({ ...parts, callerLimits, createContext: throws });
    expect(await ofBroken.prepare({ query: "{ a }" }, CLIENT)).toMatchObject({ kind: "refused", ...FAILED });
    expect(after).toEqual(["charged 0", "left"]);
  });

  it.each([OperationTypeNode.QUERY, OperationTypeNode.MUTATION, OperationTypeNode.SUBSCRIPTION])(
    "answers a %s that fails with an error, and does not reject",
    async (operation) => {
      // An operation that has failed is over as well.
      let ended = 0;
      const contextValue = { tally: new CallTally(), end: () => void (ended += 1) };
      const after: string[] = [];
      const admission: Admission = {
        settle: (calls) => void after.push(`charged ${calls}`),
        leave: () => void after.push("left"),
      };
      const preparation = { kind: "ready", operation, args: { contextValue }, admission } as unknown as Preparation;
      expect(await pipelineOf({ execute: throws, subscribe: throws }).run(preparation)).toMatchObject(FAILED);
      expect(ended).toBe(operation === OperationTypeNode.SUBSCRIPTION ? 0 : 1);
      expect(after).toEqual(operation === OperationTypeNode.SUBSCRIPTION ? ["left", "charged 0"] : ["charged 0"]);
    },
  );
});
