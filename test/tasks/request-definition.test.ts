import { describe, expect, it, jest } from "@jest/globals";
import { InvalidDefinitionError } from "../../src/errors.js";
import { parseDefinition, showDefinition } from "../../src/tasks/request-definition.js";

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

  it("is an error when it is not JSON, without a word of its content", () => {
    const parse = () => shownValue('{"Password": "hunter2"');
    expect(parse).toThrow(InvalidDefinitionError);
    expect(parse).not.toThrow(/hunter2/);
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
