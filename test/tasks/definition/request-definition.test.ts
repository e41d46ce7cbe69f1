import { describe, expect, it, jest } from "@jest/globals";
import { InvalidDefinitionError } from "../../../src/errors.js";
import { parseDefinition, showDefinition } from "../../../src/tasks/definition/request-definition.js";

/** A definition that is JSON, as it may be shown. */
function shownValue(text: string): unknown {
  const { value } = showDefinition(text);
  if (value instanceof Error) throw value;
  return value;
}

function shownText(text: string): string {
  return String(showDefinition(text).text);
}

describe("a request definition", () => {
  it("is parsed", () => {
    expect(shownValue('{\n\t"CompressedFormat": "zip"\n}')).toEqual({ CompressedFormat: "zip" });
  });

  it("is null when it is not JSON, and its text says so without a secret", () => {
    expect(showDefinition('{"Password": "hunter2"')).toEqual({ value: null, text: '{"[redacted]' });
    expect(showDefinition('{"Password": "hunter2"', false)).toEqual({ value: null, text: '{"Password": "hunter2"' });
  });

  it("keeps its own spacing as text when it holds no secret", () => {
    const text = '{\n\t"CompressedFormat": "zip"\n}';
    expect(shownText(text)).toBe(text);
  });
});

describe("secrets in a request definition", () => {
  const definition = {
    Password: "hunter2",
    Sources: [{ URI: "oss://b/o", password: "hunter2" }],
    CredentialConfig: {
      ServiceRole: "hunter2",
      Policy: "hunter2",
      Chain: [{ Role: "hunter2", RoleType: "service", AssumeRoleFor: "hunter2" }],
    },
    TrimPolicy: { DisableDeleteEmptyCell: true },
    Empty: { Password: "" },
  };

  it("are redacted wherever they stand, and nothing else is", () => {
    expect(shownValue(JSON.stringify(definition))).toEqual({
      Password: "[redacted]",
      Sources: [{ URI: "oss://b/o", password: "[redacted]" }],
      CredentialConfig: {
        ServiceRole: "[redacted]",
        Policy: "[redacted]",
        Chain: [{ Role: "[redacted]", RoleType: "[redacted]", AssumeRoleFor: "[redacted]" }],
      },
      TrimPolicy: { DisableDeleteEmptyCell: true },
      Empty: { Password: "" },
    });
  });

  it("are redacted in the text as well", () => {
    const text = shownText(JSON.stringify(definition)) ?? "";
    expect(text).not.toContain("hunter2");
    expect(JSON.parse(text)).toEqual(shownValue(JSON.stringify(definition)));
  });

  it("are redacted in a credential configuration that travels as text", () => {
    const text = JSON.stringify({ CredentialConfig: JSON.stringify({ ServiceRole: "hunter2" }) });
    expect(shownValue(text)).toEqual({ CredentialConfig: "[redacted]" });
  });

  it("are redacted in JSON within the JSON, and in signed URLs", () => {
    const inner = JSON.stringify({ Password: "hunter2", Mode: "prefix" });
    const url = "https://b.example/o?Expires=1&Signature=hunter2&OSSAccessKeyId=hunter2";
    expect(shownValue(JSON.stringify({ UserData: inner, URI: url, List: [inner] }))).toEqual({
      UserData: '{"Password":"[redacted]","Mode":"prefix"}',
      URI: "https://b.example/o?Expires=1&Signature=[redacted]&OSSAccessKeyId=[redacted]",
      List: ['{"Password":"[redacted]","Mode":"prefix"}'],
    });
  });

  it("are redacted whatever shape they have", () => {
    const text = JSON.stringify({ Passwd: ["hunter2"], pwd: { a: "hunter2" }, Credentials: ["hunter2"] });
    expect(shownValue(text)).toEqual({ Passwd: "[redacted]", pwd: "[redacted]", Credentials: ["[redacted]"] });
  });

  it.each([
    ['{"Password": "hunter2", "URI": "oss'],
    ['{"Password":["hunter2"]'],
    ["{'Password': 'hunter2'}"],
    ["Password=hunter2"],
    ["Password: hunter2"],
    ['{"A":"{\\"Password\\":\\"hunter2'],
    ['{"Pass\\u0077ord":"hunter2'],
    ['{"CredentialConfig": {"ServiceRole": "hunter2", "Chain": [{"Role":"hunter2'],
  ])("are not shown in text that does not parse: %s", (text) => {
    expect(shownText(text)).not.toContain("hunter2");
  });

  it("leave text that does not parse as it is up to the first word that may name one", () => {
    expect(shownText('{"URI": "oss://b/o", "Password": "x", "Mode": "pre')).toBe('{"URI": "oss://b/o", "[redacted]');
    expect(shownText('{"URI": "oss://b/o", "Mode": "pre')).toBe('{"URI": "oss://b/o", "Mode": "pre');
  });

  it("are shown when the operator says so", () => {
    const text = '{"Password":"hunter2"}';
    expect(showDefinition(text, false)).toEqual({ value: { Password: "hunter2" }, text });
    expect(parseDefinition(text)).toEqual({ Password: "hunter2" });
  });
});

describe("depth", () => {
  const nested = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);

  /** A text within a text, so many times, each of them one level deeper. */
  function textsInTexts(levels: number): string {
    let text = '{"Password":"hunter2"}';
    for (let level = 1; level < levels; level += 1) text = JSON.stringify([text]);
    return text;
  }

  it("is at most 64, however the rest is", () => {
    expect(showDefinition(nested(64)).text).toBe(nested(64));
    for (const text of [nested(65), nested(1_000_000), `{"Password":${nested(200_000)}}`]) {
      const { value, text: shown } = showDefinition(text);
      expect([value, shown]).toEqual([expect.any(InvalidDefinitionError), value]);
      expect(() => parseDefinition(text)).toThrow(InvalidDefinitionError);
      expect(showDefinition(text, false)).toEqual({ value: expect.any(InvalidDefinitionError), text });
    }
  });

  it("counts the JSON in texts of the JSON", () => {
    const fitting = JSON.stringify({ A: nested(63) });
    expect(shownText(fitting)).toBe(fitting);
    expect(showDefinition(JSON.stringify({ A: nested(64) })).value).toBeInstanceOf(InvalidDefinitionError);
    expect(showDefinition(JSON.stringify({ A: nested(1_000_000) })).value).toBeInstanceOf(InvalidDefinitionError);
    expect(shownText(textsInTexts(16))).not.toContain("hunter2");
  });
});

it("is searched for JSON in a thousand texts that are none, and no more", () => {
  const texts = (count: number): string => JSON.stringify(Array(count).fill("[no JSON"));
  expect(shownText(texts(1_000))).toBe(texts(1_000));
  const parse = jest.spyOn(JSON, "parse");
  const { value, text } = showDefinition(texts(100_000));
  expect(parse.mock.calls.length).toBeLessThan(1_100);
  parse.mockRestore();
  expect([value, text]).toEqual([expect.any(InvalidDefinitionError), value]);
});

describe("names of secrets", () => {
  it.each([
    "Password",
    "PASSWORD",
    "userPassword",
    "user_passwords",
    "ArchivePwd",
    "archivepwd",
    "pass_word",
    "pass-phrase",
    "PassWd",
    "x-oss-security-token",
    "SecurityToken",
    "securitytoken",
    "access-key",
    "AccessKeyId",
    "ossaccesskeyid",
    "OSSAccessKeySecret",
    "apiKey",
    "API_KEY",
    "api.key",
    "PrivateKey",
    "EncryptionKey",
    "client-secret",
    "Authorization",
    "proxy-authorization",
    "Set-Cookie",
    "signature",
    "x_oss_signature",
    "ServiceRole",
    "RamRoleArn",
    "roleName",
    "pass",
    "ftp_pass",
    "AK",
    "oss-sk",
    "sig",
  ])("are told by their words: %s", (name) => {
    const text = JSON.stringify({ [name]: "hunter2", Sources: [{ [name]: ["hunter2"] }] });
    expect(shownValue(text)).toEqual({ [name]: "[redacted]", Sources: [{ [name]: "[redacted]" }] });
  });

  it.each([
    "KeyFrame",
    "keyframes",
    "Key",
    "ColorKey",
    "TokenCount",
    "token_count",
    "MaxTokens",
    "Tokenizer",
    "PasswordLength",
    "SignatureVersion",
    "Secretary",
    "Compass",
    "TwoPass",
    "TargetURI",
    "TrimPolicy",
    "RoleType",
    "DesignKey",
    "MonkeyPatch",
    "Author",
    "Broken",
    "CookieCutter",
    "designature",
    "SessionKeyFrames",
    "Task",
    "Control",
  ])("are not found in others: %s", (name) => {
    const text = JSON.stringify(
      { [name]: "oss://b/o", List: [{ Name: name, Value: "oss://b/o" }, [name, "x"]] },
      null,
      1,
    );
    expect(showDefinition(text)).toEqual({ value: JSON.parse(text), text });
  });

  it("are Role and Policy only where they are RAM's", () => {
    const harmless = '{"Role":"narrator","Policy":"keep all","N":"Policy: keep all"}';
    expect(shownText(harmless)).toBe(harmless);
    const secrets = [
      { RoleType: "user", Role: "hunter2", Policy: "hunter2" },
      { AssumeRoleFor: "hunter2", Role: "hunter2" },
      { ServiceRole: "hunter2", Policy: "hunter2" },
      { Role: "acs:ram::1:role/hunter2" },
      { Policy: { Statement: ["hunter2"] } },
      { Policy: '{"Statement":["hunter2"]}' },
      { Actor: "acs:ram::1:role/hunter2" },
    ];
    for (const secret of secrets) expect(shownText(JSON.stringify({ A: secret }))).not.toContain("hunter2");
    expect(shownText('{"RoleType":"user","Role":"hunter2","Role":""}')).not.toContain("hunter2");
  });

  it("leave a truth and what is empty as it is", () => {
    const text = JSON.stringify({ Password: null, Token: false, Secret: "" });
    expect(shownText(text)).toBe(text);
  });
});

describe("secrets beside their name", () => {
  it.each([
    [
      { Name: "Password", Value: "hunter2" },
      { Name: "Password", Value: "[redacted]" },
    ],
    [
      { key: "x-oss-security-token", values: ["hunter2"] },
      { key: "x-oss-security-token", values: "[redacted]" },
    ],
    [
      { ParameterName: "archive password", ParameterValue: 7 },
      { ParameterName: "archive password", ParameterValue: "[redacted]" },
    ],
    [
      { Value: "hunter2", Header: "access-key" },
      { Value: "[redacted]", Header: "access-key" },
    ],
    [[["apiKey", "hunter2"]], [["apiKey", "[redacted]"]]],
    [
      ["Mode", "prefix", "apiKey", "hunter2"],
      ["Mode", "prefix", "apiKey", "[redacted]"],
    ],
    [
      ["x-oss-security-token: hunter2", "Accept: x"],
      ["x-oss-security-token: [redacted]", "Accept: x"],
    ],
    ["Host: h\r\nAuthorization: OSS hunter2\r\nAccept: x", "Host: h\r\nAuthorization: [redacted]\r\nAccept: x"],
    ["Mode=prefix;Password=hunter2", "Mode=prefix;Password=[redacted]"],
    ["Password=hunter2 hunter2", "Password=[redacted]"],
    ["Password: hunter2&hunter2", "Password: [redacted]"],
    [
      ["zip", "--password", "hunter2"],
      ["zip", "--password", "[redacted]"],
    ],
    ["zip -r --password 'hunter2 hunter2' a.zip", "zip -r --password [redacted] a.zip"],
    ["{password: hunter2, mode: x}", "{password: [redacted]"],
    ["a: b, password: hunter2", "a: b, password: [redacted]"],
    ["password:\n  hunter2", "password:\n  [redacted]"],
    ['x password = "hunter2\\" hunter2" y', "x password = [redacted] y"],
    ["curl -H 'X-Auth-Token: hunter2'", "curl -H 'X-Auth-Token: [redacted]"],
    ["Bearer hunter2", "Bearer [redacted]"],
    ["<a><Password>hunter2</Password><b>c</b></a>", "<a><Password>[redacted]</Password><b>c</b></a>"],
    ['<x:secret a="b"><c>hunter2</c>', '<x:secret a="b">[redacted]'],
  ])("are redacted: %j", (headers, shown) => {
    expect(shownValue(JSON.stringify({ Headers: headers }))).toEqual({ Headers: shown });
  });

  it.each([
    ["oss://b/o?Signature=hunter2&Expires=1", "oss://b/o?Signature=[redacted]&Expires=1"],
    ["https://h/o?x-oss-security-token=hunter2&a=b", "https://h/o?x-oss-security-token=[redacted]&a=b"],
    ["https://h/o?x-oss-credential=hunter2#access_token=hunter2", "https://h/o?x-oss-credential=[redacted]"],
    [
      "https://h/?u=https%3A%2F%2Fb%2Fo%3FExpires%3D1%26Signature%3Dhunter2",
      "https://h/?u=https://b/o?Expires=1&Signature=[redacted]",
    ],
    ["https://user:hunter2@h/o", "https://[redacted]@h/o"],
    ["https://user:p@hunter2@h/o@2x.png", "https://[redacted]@h/o@2x.png"],
    ["https://hunter2@h/", "https://[redacted]@h/"],
    ["https://h/?%70assword=hunter2&a=%41", "https://h/?password=[redacted]&a=A"],
    ["https://h/?a=b%2526password%253Dhunter2", "https://h/?a=b&password=[redacted]"],
    ["https://h/?user[password]=hunter2", "https://h/?user[password]=[redacted]"],
    ["https://h/?user%5Bpassword%5D=hunter2", "https://h/?user[password]=[redacted]"],
    ["https://h/?sv=1&sig=hunter2", "https://h/?sv=1&sig=[redacted]"],
    [`https://h/?a=%${"25".repeat(20)}41hunter2`, "[redacted]"],
    ["https://h/?a=%2541%zz&b=100%", "https://h/?a=%2541%zz&b=100%"],
    ["https://token.example:8080/a", "https://token.example:8080/a"],
    ["oss://b/o?x-oss-signature-version=OSS4&tokenCount=1", "oss://b/o?x-oss-signature-version=OSS4&tokenCount=1"],
  ])("are redacted in a URL: %s", (url, shown) => {
    expect(shownValue(JSON.stringify({ URI: url }))).toEqual({ URI: shown });
  });

  it.each([
    JSON.stringify(JSON.stringify({ Password: "hunter2" })),
    JSON.stringify([JSON.stringify({ a: [{ name: "Password", value: "hunter2" }] })]),
    'data: {"Password":"hunter2"}',
    '{"Mode":"prefix","Password":"hunter2',
    "[{'Password': 'hunter2'}]",
    'callback({"a":{"api_key" : "hunter2"}})',
  ])("are redacted in JSON within texts: %s", (inner) => {
    const { value, text } = showDefinition(JSON.stringify({ UserData: inner, Mode: "prefix" }));
    expect(JSON.stringify([value, text])).not.toContain("hunter2");
    expect(value).toMatchObject({ Mode: "prefix" });
  });

  it("are not shown where only the last of two members of one name is none", () => {
    expect(shownText('{"Password":"hunter2","Password":""}')).toBe('{"Password":""}');
    expect(shownText(JSON.stringify({ A: '{"Password":"hunter2","Password":""}' }))).not.toContain("hunter2");
  });
});

describe("digits", () => {
  const numbers = '"A":12345678901234567890,"B":1.10,"C":[1.0,-0,1e400,0.1,7]';

  it("stay in text that is written anew, and in the JSON within it", () => {
    const inner = JSON.stringify(`{"Password":"hunter2",${numbers}}`);
    expect(shownText(`{"Password":"hunter2",${numbers},"D":${inner}}`)).toBe(
      `{"Password":"[redacted]",${numbers},"D":${JSON.stringify(`{"Password":"[redacted]",${numbers}}`)}}`,
    );
  });
});

it("is shown within a second of CPU, however long and odd it is", () => {
  const members = (count: number): string => Array.from({ length: count }, (_, n) => `"token${n}":1.10`).join();
  const texts = [
    `{${members(60_000)}}`,
    `{"A":1.10,"B":"${"a=".repeat(500_000)}"}`,
    `{"A":"${"token=x&".repeat(120_000)}"}`,
    `{"A":"${" ".repeat(1_000_000)}"}`,
    `{"A":"x${"\\n".repeat(500_000)}"}`,
    `{"A":"${"<token>".repeat(140_000)}"}`,
    `{"A":"${"<a ".repeat(330_000)}"}`,
    `{"A":"${"//a".repeat(330_000)}@"}`,
    `{"A":"${"-a ".repeat(330_000)}"}`,
    `{"A":"${"%2525".repeat(200_000)}"}`,
    `{"A":"${"a: ".repeat(330_000)}"}`,
    `{"A":"${"token: x\\n".repeat(100_000)}"}`,
    `{"A":"token='${"\\\\".repeat(450_000)}"}`,
    `{"A":"=${"\\\\".repeat(500_000)}"}`,
    `{"A":"${"'a".repeat(500_000)}:"}`,
    `{"A":${"[".repeat(500_000)}1.10${"]".repeat(500_000)}}`,
    `{"Password":"hunter2","A":"${"a".repeat(16_000_000)}"}`,
  ];
  for (const text of texts) {
    const before = process.cpuUsage();
    const shown = showDefinition(text);
    expect([text.slice(0, 20), process.cpuUsage(before).user < 1_000_000]).toEqual([text.slice(0, 20), true]);
    expect(String(shown.text)).not.toContain("hunter2");
  }
});
