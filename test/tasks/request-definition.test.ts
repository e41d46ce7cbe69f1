import { describe, expect, it } from "@jest/globals";
import { InvalidDefinitionError } from "../../src/errors.js";
import { parseDefinition, redactDefinitionText } from "../../src/tasks/request-definition.js";

describe("a request definition", () => {
  it("is parsed, or null when there is none", () => {
    expect(parseDefinition('{\n\t"CompressedFormat": "zip"\n}')).toEqual({ CompressedFormat: "zip" });
    expect(parseDefinition(null)).toBeNull();
    expect(redactDefinitionText(null)).toBeNull();
  });

  it("is an error when it is not JSON, without a word of its content", () => {
    const parse = () => parseDefinition('{"Password": "hunter2"');
    expect(parse).toThrow(InvalidDefinitionError);
    expect(parse).not.toThrow(/hunter2/);
  });

  it("keeps its own spacing as text when it holds no secret", () => {
    const text = '{\n\t"CompressedFormat": "zip"\n}';
    expect(redactDefinitionText(text)).toBe(text);
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
    expect(parseDefinition(JSON.stringify(definition))).toEqual({
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
    const text = redactDefinitionText(JSON.stringify(definition)) ?? "";
    expect(text).not.toContain("hunter2");
    expect(JSON.parse(text)).toEqual(parseDefinition(JSON.stringify(definition)));
  });

  it("are redacted in a credential configuration that travels as text", () => {
    const text = JSON.stringify({ CredentialConfig: JSON.stringify({ ServiceRole: "hunter2" }) });
    expect(parseDefinition(text)).toEqual({ CredentialConfig: "[redacted]" });
  });

  it("are redacted in JSON within the JSON, and in signed URLs", () => {
    const inner = JSON.stringify({ Password: "hunter2", Mode: "prefix" });
    const url = "https://b.example/o?Expires=1&Signature=hunter2&OSSAccessKeyId=hunter2";
    expect(parseDefinition(JSON.stringify({ UserData: inner, URI: url, List: [inner] }))).toEqual({
      UserData: '{"Password":"[redacted]","Mode":"prefix"}',
      URI: "https://b.example/o?Expires=1&Signature=[redacted]&OSSAccessKeyId=[redacted]",
      List: ['{"Password":"[redacted]","Mode":"prefix"}'],
    });
  });

  it("are redacted whatever shape they have", () => {
    const text = JSON.stringify({ Passwd: ["hunter2"], pwd: { a: "hunter2" }, Credentials: ["hunter2"] });
    expect(parseDefinition(text)).toEqual({ Passwd: "[redacted]", pwd: "[redacted]", Credentials: ["[redacted]"] });
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
    expect(redactDefinitionText(text)).not.toContain("hunter2");
  });

  it("leave text that does not parse as it is up to the first word that may name one", () => {
    expect(redactDefinitionText('{"URI": "oss://b/o", "Password": "x", "Mode": "pre')).toBe(
      '{"URI": "oss://b/o", "[redacted]',
    );
    expect(redactDefinitionText('{"URI": "oss://b/o", "Mode": "pre')).toBe('{"URI": "oss://b/o", "Mode": "pre');
  });

  it("are shown when the operator says so", () => {
    expect(parseDefinition('{"Password":"hunter2"}', false)).toEqual({ Password: "hunter2" });
  });
});
