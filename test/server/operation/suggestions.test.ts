/** What graphql-js thinks was meant is names of the schema: it is said where the explorers are, and nowhere else. */

import { describe, expect, it } from "@jest/globals";
import { transports } from "../../support/every-transport.js";
import { startGateway } from "../../support/start-gateway.js";

/** Of an operation, with variables or without, that a name is wrong in. */
const WRONG: readonly (readonly [what: string, query: string, variables?: object])[] = [
  ["a field", "{ taskTypez { name } }"],
  ["an argument", '{ task(kee: { projectName: "p", taskType: "t", taskId: "i" }) { status } }'],
  ["a type", "{ node(id: 1) { ... on Taks { id } } }"],
  ["a directive's argument", "{ taskTypes @skip(iff: true) { name } }"],
  ["a member of a literal", '{ task(key: { projectNam: "p", taskType: "t", taskId: "i" }) { status } }'],
  ["a value of an enum", '{ tasks(projectName: "p", filter: { status: RUNING }) { nodes { id } } }'],
  ["the type of a variable", "query ($key: TaskKeyInputt!) { task(key: $key) { status } }"],
  [
    "a member of a variable",
    "query ($key: TaskKeyInput!) { task(key: $key) { status } }",
    { key: { projectName: "p", taskType: "t", taskId: "i", taskIdd: "i" } },
  ],
  [
    "a value of an enum in a variable",
    'query ($filter: TaskFilter) { tasks(projectName: "p", filter: $filter) { nodes { id } } }',
    { filter: { status: "RUNING" } },
  ],
];

const SUGGESTION = /Did you mean/;

describe("a name that is nearly right", () => {
  it.each(WRONG.map(([what, query, variables = {}]) => [what, query, variables] as const))(
    "is corrected where the explorers are: %s",
    async (_what, query, variables) => {
      const { url } = await startGateway({ gateway: { explorer: true } });
      const { errors } = await transports.P(url, JSON.stringify({ query, variables }));
      expect(errors.map(({ message }) => message).join()).toMatch(SUGGESTION);
    },
  );

  it.each(Object.entries(transports))(
    "is refused and not corrected elsewhere, over transport %s",
    async (_letter, send) => {
      const { url } = await startGateway({ gateway: { explorer: false } });
      for (const [, query, variables] of WRONG) {
        const { errors } = await send(url, JSON.stringify({ query, variables }));
        expect(errors).not.toEqual([]);
        for (const { message } of errors) {
          expect(message).not.toMatch(SUGGESTION);
          expect(message).toMatch(/[."]$/);
        }
      }
    },
  );
});
