import { describe, expect, it } from "@jest/globals";
import {
  computeSignature,
  headersToSign,
  parseAuthorization,
  sha256Hex,
  type SignableRequest,
  verifySignature,
} from "../../src/emulator/signature.js";

interface Vector {
  readonly title: string;
  readonly request: SignableRequest;
  readonly secret: string;
  readonly signature: string;
}

const official: Vector = {
  title: "the example of the official V3 signature page",
  request: {
    method: "POST",
    path: "/",
    query: [
      ["ImageId", "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"],
      ["RegionId", "cn-shanghai"],
    ],
    headers: {
      host: "ecs.cn-shanghai.aliyuncs.com",
      "x-acs-action": "RunInstances",
      "x-acs-version": "2014-05-26",
      "x-acs-date": "2023-10-26T10:22:32Z",
      "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
      "x-acs-content-sha256": sha256Hex(""),
    },
    body: "",
  },
  secret: "YourAccessKeySecret",
  signature: "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0",
};

const immHeaders = {
  host: "imm.cn-hangzhou.aliyuncs.com",
  "x-acs-action": "GetTask",
  "x-acs-version": "2020-09-30",
  "x-acs-date": "2024-01-02T03:04:05Z",
  "x-acs-signature-nonce": "0123456789abcdef0123456789abcdef",
  "x-acs-content-sha256": sha256Hex(""),
};

const getTask: Vector = {
  title: "GetTask with reserved characters in a value",
  request: {
    method: "POST",
    path: "/",
    // Deliberately not sorted: the order of the URL must not matter.
    query: [
      ["TaskId", "FileCompression-1*a(b)"],
      ["ProjectName", "test-project"],
      ["TaskType", "FileCompression"],
      ["RequestDefinition", "true"],
    ],
    headers: immHeaders,
    body: "",
  },
  secret: "testsecret",
  signature: "6c6e50298f4487eacbc2e8601553a087792195801c1685a7af8afbff00a8bd3e",
};

const withToken: Vector = {
  title: "GetTask with an STS token",
  request: {
    ...getTask.request,
    headers: { ...immHeaders, "x-acs-accesskey-id": "testid", "x-acs-security-token": "tok+en/==" },
  },
  secret: "testsecret",
  signature: "2e36c5b25ecda0a5d4cee00ea7aa9263b747dbe5c95e3b50f975e26c336c70a7",
};

const formBody = "Mode=m&Tags=%7B%22k%22%3A%22v%20v%22%7D&UserData=%C3%A9*";

const withForm: Vector = {
  title: "a form body",
  request: {
    method: "POST",
    path: "/",
    query: [["ProjectName", "p"]],
    headers: {
      ...immHeaders,
      "x-acs-action": "CreateHighlightTask",
      "x-acs-content-sha256": "78f5dc014d7305e8e0957244bd45cdefc68ef3ddfffdb101424fd28ba4c74549",
      "content-type": "application/x-www-form-urlencoded",
    },
    body: formBody,
  },
  secret: "testsecret",
  signature: "3edcb4890440240758563f2dc4282838dd02fc8e959fcf323dac63e9403d2799",
};

const vectors = [official, getTask, withToken, withForm];

function authorizationOf({ request, signature }: Vector) {
  return { accessKeyId: "testid", signedHeaders: headersToSign(request.headers), signature };
}

describe("computeSignature", () => {
  it.each(vectors)("reproduces the vector: $title", ({ request, secret, signature }) => {
    expect(computeSignature({ ...request, accessKeySecret: secret })).toBe(signature);
  });
});

describe("verifySignature", () => {
  it.each(vectors)("accepts the vector: $title", (vector) => {
    expect(verifySignature(vector.request, authorizationOf(vector), vector.secret)).toBe(true);
  });

  it("refuses another secret, another value, another header, another body and a cut signature", () => {
    const { request, secret, signature } = getTask;
    const authorization = authorizationOf(getTask);
    expect(verifySignature(request, authorization, "other")).toBe(false);
    expect(verifySignature({ ...request, query: [["TaskId", "other"]] }, authorization, secret)).toBe(false);
    const headers = { ...immHeaders, "x-acs-action": "ListTasks" };
    expect(verifySignature({ ...request, headers }, authorization, secret)).toBe(false);
    expect(verifySignature({ ...request, body: "x" }, authorization, secret)).toBe(false);
    expect(verifySignature(request, { ...authorization, signature: signature.slice(1) }, secret)).toBe(false);
  });

  it("refuses a right signature that leaves out a header which must be signed", () => {
    const { request, secret } = getTask;
    const signedHeaders = headersToSign(immHeaders).filter((name) => name !== "x-acs-action");
    const signature = computeSignature({ ...request, accessKeySecret: secret }, signedHeaders);
    expect(verifySignature(request, { accessKeyId: "testid", signedHeaders, signature }, secret)).toBe(false);
  });
});

describe("headersToSign", () => {
  it("are host, content-type and x-acs-*, sorted, and nothing else", () => {
    const headers = { "x-acs-b": "", host: "", accept: "", "x-acs-a": "", "user-agent": "", "content-type": "" };
    expect(headersToSign(headers)).toEqual(["content-type", "host", "x-acs-a", "x-acs-b"]);
  });
});

describe("parseAuthorization", () => {
  it("takes the header apart", () => {
    expect(parseAuthorization("ACS3-HMAC-SHA256 Credential=id,SignedHeaders=host;x-acs-date,Signature=ab12")).toEqual({
      accessKeyId: "id",
      signedHeaders: ["host", "x-acs-date"],
      signature: "ab12",
    });
  });

  it.each(["", "Bearer abc", "ACS3-HMAC-SM3 Credential=id,SignedHeaders=host,Signature=ab", "ACS3-HMAC-SHA256 x"])(
    "is null for %j",
    (header) => {
      expect(parseAuthorization(header)).toBeNull();
    },
  );
});
