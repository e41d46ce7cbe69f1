import { expect, it } from "@jest/globals";
import { query, refusalsOf, USER_ERRORS } from "../../support/query.js";
import { startGatewayBefore } from "../../support/start-before.js";
import { startGateway } from "../../support/start-gateway.js";

const CREATE = `mutation ($input: CreateFileCompressionTaskInput!) { createFileCompressionTask(input: $input) { task { taskId } ${USER_ERRORS} } }`;

/** An input whose sources take so many characters, each of which takes `bytes` in a URL. */
function inputOf(length: number, character: string): Record<string, unknown> {
  const name = character.repeat(Math.ceil(length / 50));
  const sources = Array.from({ length: 50 }, (_, index) => ({ uri: `oss://b/${index}${name}` }));
  return { input: { projectName: "immtest", sources, targetUri: "oss://b/t.zip" } };
}

it.each([
  ["20 KB", 20_000, "a"],
  ["100 KB", 100_000, "a"],
  ["180 KB that triple in a URL", 60_000, "ü"],
])("an input of %s is a task of the emulator's", async (_title, length, character) => {
  const { url, emulator } = await startGateway();
  const { data, errors } = await query(url, CREATE, inputOf(length, character));
  expect(errors).toEqual([]);
  expect(data).toEqual({
    createFileCompressionTask: { task: { taskId: expect.stringMatching(/^FileCompression-/) }, userErrors: [] },
  });
  expect(emulator.calls.map(({ status }) => status)).toEqual([200]);
});

it("an input that is too long for the emulator is refused, and has certainly started nothing", async () => {
  const { url, emulator } = await startGateway({ gateway: { maxRequestBytes: 4_000_000 } });
  expect(refusalsOf(await query(url, CREATE, inputOf(250_000, "ü")))).toMatchObject([{ code: "INVALID_INPUT" }]);
  expect(emulator.calls).toEqual([]);
  expect(refusalsOf(await query(url, CREATE, inputOf(10, "a")))).toEqual([]);
});

it.each([413, 414, 431])(
  "a create that is answered %i without a word has certainly started nothing",
  async (status) => {
    for (const body of ["", "<html>too large</html>", '{"Code":"X"}']) {
      const { url, upstream } = await startGatewayBefore((_request, response) => {
        response.writeHead(status).end(body);
        return undefined;
      });
      expect(refusalsOf(await query(url, CREATE, inputOf(100, "a")))).toMatchObject([{ code: "INVALID_INPUT" }]);
      expect(upstream.requests).toHaveLength(1);
    }
  },
);
