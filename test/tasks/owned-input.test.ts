import { describe, expect, it } from "@jest/globals";
import type { Grant } from "../../src/access/principal.js";
import { signInput } from "../../src/tasks/create/owned-input.js";
import { ForbiddenError } from "../../src/errors.js";

const GRANT = { projects: [], allow: ["create"] } as const satisfies Partial<Grant>;

describe("a type that has no place for an owner", () => {
  it.each([
    ["CreateFileCompressionTask", { tag: "owner", equals: "ada" }, "tags"],
    ["CreateDecodeBlindWatermarkTask", { userData: "/ownerId", equals: "ada" }, "user data"],
  ] as const)("is refused for %s with %j by the name of that place", (action, own, place) => {
    const grants = [{ ...GRANT, own }] as unknown as readonly Grant[];
    const sign = (): unknown => signInput({ action, input: {} } as never, grants);
    expect(sign).toThrow(ForbiddenError);
    expect(sign).toThrow(`tasks of this type take no ${place}, by which its own are known.`);
  });
});
