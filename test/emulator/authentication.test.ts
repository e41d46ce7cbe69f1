import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type Emulator, type EmulatorOptions, startEmulator } from "../../src/emulator/emulator.js";
import { ManualClock } from "../support/manual-clock.js";
import { callAs, codeOf, listTasks, refusalOf, send, sendSigned, signedHeaders } from "./emulator-client.js";

const MINUTE_MS = 60_000;
const listRequest = { query: { ProjectName: "immtest" } };

let clock: ManualClock;
let emulator: Emulator;

async function restart(options: EmulatorOptions): Promise<void> {
  await emulator.close();
  emulator = await startEmulator({ clock, ...options });
}

beforeEach(async () => {
  clock = new ManualClock(Date.now());
  emulator = await startEmulator({ clock });
});

afterEach(() => emulator.close());

describe("a genuine request", () => {
  it("is accepted from the vendor's client, whatever characters it signs", async () => {
    emulator.addTask({ taskType: "MediaConvert", taskId: "a", tags: { "k!'()*": "v é/+= &" } });
    const { Tasks } = await listTasks(emulator, { TagSelector: "k!'()*=v é/+= &" });
    expect(Tasks).toHaveLength(1);
  });

  it("may be a GET, with the parameters in the query", async () => {
    const answer = await sendSigned(emulator, { ...listRequest, method: "GET" });
    expect(answer.status).toBe(200);
  });

  it("may carry its parameters in a form body, which the signature covers", async () => {
    const body = "ProjectName=immtest&DatasetName=d&StoryType=TravelMemory";
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const signed = await sendSigned(emulator, { body, headers }, { action: "CreateStory" });
    expect(signed.status).toBe(200);
    const tampered = signedHeaders(emulator, { body, headers }, { action: "CreateStory" });
    const refused = await send(emulator, { body: body.replace("=d", "=D"), headers: tampered });
    expect(codeOf(refused)).toBe("SignatureDoesNotMatch");
  });
});

describe("a request that is not genuine", () => {
  it("is refused with another secret, and shown what the server signed but never the secret", async () => {
    await restart({ accessKeySecret: "right-secret" });
    const keys = { accessKeySecret: "wrong-secret" };
    const call = callAs(emulator, keys, "ListTasks", { ProjectName: "immtest", NextToken: "leaked-value" });
    const { code, statusCode, data } = await refusalOf(call);
    expect({ code, statusCode }).toEqual({ code: "SignatureDoesNotMatch", statusCode: 400 });
    expect(data["Message"]).toContain("ACS3-HMAC-SHA256\n");
    expect(data["Message"]).toContain("NextToken=leaked-value");
    expect(JSON.stringify(data)).not.toContain("right-secret");
  });

  it("is refused with an unknown access key", async () => {
    const call = callAs(emulator, { accessKeyId: "stranger" }, "ListTasks", { ProjectName: "immtest" });
    expect(await refusalOf(call)).toMatchObject({ code: "InvalidAccessKeyId.NotFound", statusCode: 404 });
    expect(emulator.calls).toMatchObject([{ accessKeyId: "stranger", status: 404 }]);
  });

  it.each([
    ["authorization", "IncompleteSignature"],
    ["x-acs-date", "MissingParameter"],
    ["x-acs-signature-nonce", "MissingParameter"],
    ["x-acs-content-sha256", "MissingParameter"],
  ])("is refused without the header %s", async (name, code) => {
    const { [name]: _, ...headers } = signedHeaders(emulator, listRequest);
    const answer = await send(emulator, { ...listRequest, headers });
    expect(answer.status).toBe(400);
    expect(codeOf(answer)).toBe(code);
  });

  it("is refused when Authorization is of another scheme", async () => {
    const headers = { ...signedHeaders(emulator, listRequest), authorization: "Bearer abc" };
    expect(codeOf(await send(emulator, { ...listRequest, headers }))).toBe("IncompleteSignature");
  });

  it("is refused when its date is not of the form that IMM takes", async () => {
    const headers = { ...signedHeaders(emulator, listRequest), "x-acs-date": "yesterday" };
    expect(codeOf(await send(emulator, { ...listRequest, headers }))).toBe("InvalidTimeStamp.Format");
  });
});

describe("the date of a request", () => {
  // Request dates have whole seconds, so the clock must not stand between two of them.
  const wholeSecond = Math.floor(Date.now() / 1_000) * 1_000;

  it.each([-15, 15])("may be off by %d minutes", async (minutes) => {
    await restart({ clock: new ManualClock(wholeSecond) });
    const date = new Date(wholeSecond + minutes * MINUTE_MS);
    expect((await sendSigned(emulator, listRequest, { date })).status).toBe(200);
  });

  it.each([-15 * MINUTE_MS - 1_000, 15 * MINUTE_MS + 1_000])("may not be off by %d ms", async (offMs) => {
    await restart({ clock: new ManualClock(wholeSecond) });
    const answer = await sendSigned(emulator, listRequest, { date: new Date(wholeSecond + offMs) });
    expect(answer.status).toBe(400);
    expect(codeOf(answer)).toBe("InvalidTimeStamp.Expired");
  });
});

describe("the nonce of a request", () => {
  it("is good once within fifteen minutes, and good again after", async () => {
    const signing = { nonce: "once" };
    const replay = () => sendSigned(emulator, listRequest, { ...signing, date: new Date(clock.now()) });
    expect((await replay()).status).toBe(200);
    expect(codeOf(await replay())).toBe("SignatureNonceUsed");
    await clock.advance(15 * MINUTE_MS - 1);
    expect(codeOf(await replay())).toBe("SignatureNonceUsed");
    await clock.advance(1);
    expect((await replay()).status).toBe(200);
  });

  it("is not spent by a request with a wrong signature", async () => {
    const forged = await sendSigned(emulator, listRequest, { nonce: "mine", secret: "guess" });
    expect(codeOf(forged)).toBe("SignatureDoesNotMatch");
    expect((await sendSigned(emulator, listRequest, { nonce: "mine" })).status).toBe(200);
  });
});

describe("an STS token", () => {
  const query = { ProjectName: "immtest" };

  it("is required and compared when the emulator has one", async () => {
    await restart({ securityToken: "tok+en/==" });
    await expect(callAs(emulator, { securityToken: "tok+en/==" }, "ListTasks", query)).resolves.toHaveProperty("Tasks");
    expect(await refusalOf(callAs(emulator, {}, "ListTasks", query))).toMatchObject({ code: "MissingSecurityToken" });
    const mismatch = await refusalOf(callAs(emulator, { securityToken: "other" }, "ListTasks", query));
    expect(mismatch).toMatchObject({ code: "InvalidSecurityToken.MismatchWithAccessKey", statusCode: 400 });
  });

  it("is masked where a refusal shows what the server signed", async () => {
    await restart({ securityToken: "sensitive-token" });
    const keys = { securityToken: "sensitive-token", accessKeySecret: "wrong" };
    const { code, data } = await refusalOf(callAs(emulator, keys, "ListTasks", query));
    expect(code).toBe("SignatureDoesNotMatch");
    expect(data["Message"]).not.toContain("sensitive-token");
  });
});

describe("a request that goes astray", () => {
  it.each([
    [{ path: "/tasks" }, 404, "InvalidPath.NotFound"],
    [{ method: "PUT" }, 405, "UnsupportedHTTPMethod"],
    [{ body: "x".repeat(1_048_577) }, 413, "RequestBodyTooLarge"],
  ])("is refused before its signature is looked at: %#", async (request, status, code) => {
    const answer = await send(emulator, request);
    expect(answer.status).toBe(status);
    expect(codeOf(answer)).toBe(code);
  });

  it("is refused as a GET of an action that is no read", async () => {
    const answer = await sendSigned(emulator, { method: "GET" }, { action: "CreateStory" });
    expect(codeOf(answer)).toBe("UnsupportedHTTPMethod");
  });

  it("is refused when the action or the version is not known", async () => {
    const unknown = await refusalOf(callAs(emulator, {}, "StopTask", {}));
    expect(unknown).toMatchObject({ code: "InvalidAction.NotFound", statusCode: 404 });
    const old = await sendSigned(emulator, { headers: { "x-acs-version": "2017-09-06" } });
    expect(old.status).toBe(400);
    expect(codeOf(old)).toBe("InvalidVersion");
  });
});
