/**
 * The two clients that the emulator's tests use: the vendor's own, which signs like a real gateway, and a plain one
 * over `node:http`, which shows bytes, broken connections and requests no vendor client would send.
 */

import { Agent, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import OpenApi, { $OpenApiUtil } from "@alicloud/openapi-core";
import type { Emulator } from "../../src/emulator/emulator.js";
import { computeSignature, headersToSign, sha256Hex } from "../../src/emulator/signature.js";

/** One JSON object of IMM's, as it came. */
export type Answer = Record<string, unknown>;

/** An item of `Tasks`. */
export interface TaskItem extends Answer {
  readonly TaskId: string;
}

/** A page of ListTasks. */
export interface TaskPage extends Answer {
  readonly Tasks: readonly TaskItem[];
  readonly NextToken?: string;
}

/** The key pair that the vendor's client signs with. */
export interface Keys {
  readonly accessKeyId?: string;
  readonly accessKeySecret?: string;
  readonly securityToken?: string;
}

type VendorClient = InstanceType<typeof OpenApi.default>;

// Its class lives in a package that is not ours to depend on; the client only reads members, and all are optional.
const defaultRuntime = {} as Parameters<VendorClient["callApi"]>[2];

/** Calls `action` through the vendor's client, and returns the body of the answer. Rejects as that client does. */
export async function callAs(
  emulator: Emulator,
  keys: Keys,
  action: string,
  query: Record<string, string>,
): Promise<Answer> {
  const client = new OpenApi.default(
    new $OpenApiUtil.Config({
      endpoint: new URL(emulator.url).host,
      protocol: "http",
      accessKeyId: "emulator",
      accessKeySecret: "emulator",
      ...keys,
    }),
  );
  const params = new $OpenApiUtil.Params({
    action,
    version: "2020-09-30",
    protocol: "HTTPS",
    pathname: "/",
    method: "POST",
    authType: "AK",
    style: "RPC",
    reqBodyType: "formData",
    bodyType: "json",
  });
  const request = new $OpenApiUtil.OpenApiRequest({ query });
  const response = await client.callApi(params, request, defaultRuntime);
  return response["body"] as Answer;
}

/** GetTask in the project `immtest`, by the vendor's client. */
export function getTask(
  emulator: Emulator,
  taskType: string,
  taskId: string,
  more: Record<string, string> = {},
): Promise<Answer> {
  return callAs(emulator, {}, "GetTask", { ProjectName: "immtest", TaskType: taskType, TaskId: taskId, ...more });
}

/** One page of ListTasks in the project `immtest`, by the vendor's client. */
export async function listTasks(emulator: Emulator, query: Record<string, string> = {}): Promise<TaskPage> {
  const body = await callAs(emulator, {}, "ListTasks", { ProjectName: "immtest", ...query });
  return body as TaskPage;
}

/** The task ids of one page of ListTasks. */
export async function listIds(emulator: Emulator, query: Record<string, string> = {}): Promise<string[]> {
  const { Tasks } = await listTasks(emulator, query);
  return Tasks.map(({ TaskId }) => TaskId);
}

/** The code of a refusal, awaited from a call that must be refused. */
export async function refusalOf(call: Promise<unknown>): Promise<{ code: string; statusCode: number; data: Answer }> {
  return call.then(
    (answer) => {
      throw new Error(`Expected a refusal, got ${JSON.stringify(answer)}`);
    },
    (error: unknown) => error as { code: string; statusCode: number; data: Answer },
  );
}

/** What the plain client saw. */
export interface PlainAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** A request for the plain client. */
export interface PlainRequest {
  readonly method?: string;
  readonly path?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly agent?: Agent;
  readonly signal?: AbortSignal;
}

/** The headers of a genuine request, signed by this repository's own code. */
export function signedHeaders(
  emulator: Emulator,
  request: PlainRequest,
  { action = "ListTasks", date = new Date(), nonce = "0123456789abcdef", secret = "emulator" } = {},
): Record<string, string> {
  const { method = "POST", path = "/", query = {}, body = "" } = request;
  const headers: Record<string, string> = {
    host: new URL(emulator.url).host,
    "x-acs-action": action,
    "x-acs-version": "2020-09-30",
    "x-acs-date": date.toISOString().replace(/\.\d+Z$/, "Z"),
    "x-acs-signature-nonce": nonce,
    "x-acs-content-sha256": sha256Hex(body),
    ...request.headers,
  };
  const signature = computeSignature({
    method,
    path,
    query: Object.entries(query),
    headers,
    body,
    accessKeySecret: secret,
  });
  const names = headersToSign(headers).join(";");
  const authorization = `ACS3-HMAC-SHA256 Credential=emulator,SignedHeaders=${names},Signature=${signature}`;
  return { ...headers, authorization };
}

/** Sends a request as it is. Rejects when the connection breaks or the answer breaks off. */
export function send(emulator: Emulator, request: PlainRequest = {}): Promise<PlainAnswer> {
  const { method = "POST", path = "/", query = {}, headers = {}, body = "", agent, signal } = request;
  const search = new URLSearchParams(query).toString();
  const url = `${emulator.url}${path}${search === "" ? "" : `?${search}`}`;
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      url,
      { method, headers, agent: agent ?? false, ...(signal && { signal }) },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.once("error", reject);
        response.once("end", () => {
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(chunks).toString(),
          });
        });
      },
    );
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}

let nonces = 0;

/** Sends a genuine request, with a nonce of its own unless `signing` gives one. */
export function sendSigned(
  emulator: Emulator,
  request: PlainRequest,
  signing: Parameters<typeof signedHeaders>[2] = {},
): Promise<PlainAnswer> {
  nonces += 1;
  const headers = signedHeaders(emulator, request, { nonce: `nonce-${nonces}`, ...signing });
  return send(emulator, { ...request, headers });
}

/** Resolves once `holds` is true, looking again after every turn of the event loop. For what only sockets decide. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

/** The `Code` of a JSON answer, or undefined for a success. */
export function codeOf(answer: PlainAnswer): unknown {
  return (JSON.parse(answer.text) as Answer)["Code"];
}
