import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { ConfigurationError } from "../../../src/errors.js";
import { endpointOfRegion, parseEndpoint, regionOfEndpoint } from "../../../src/imm/wire/endpoints.js";

const publicRegions = [
  "ap-south-1",
  "ap-southeast-1",
  "ap-southeast-2",
  "ap-southeast-5",
  "cn-beijing",
  "cn-chengdu",
  "cn-guangzhou",
  "cn-hangzhou",
  "cn-hongkong",
  "cn-north-2-gov-1",
  "cn-qingdao",
  "cn-shanghai",
  "cn-shenzhen",
  "cn-wulanchabu",
  "cn-zhangjiakou",
  "eu-central-1",
  "eu-west-1",
  "us-east-1",
  "us-west-1",
];

describe("endpointOfRegion", () => {
  it.each(publicRegions)("has the public host of %s, over HTTPS", (region) => {
    expect(endpointOfRegion(region)).toEqual({ protocol: "https", host: `imm.${region}.aliyuncs.com` });
  });

  it("has the VPC host of the one region without a public one", () => {
    expect(endpointOfRegion("cn-beijing-gov-1")).toEqual({
      protocol: "https",
      host: "imm-vpc.cn-beijing-gov-1.aliyuncs.com",
    });
  });

  it.each([
    ["cn-hangzou", "cn-hangzhou, cn-guangzhou, cn-chengdu"],
    ["us-east-2", "us-east-1, us-west-1, "],
    ["cn-hangzhou ", "cn-hangzhou, "],
    ["", ""],
    ["CN-HANGZHOU", ""],
    ["evil.example/", ""],
    ["toString", ""],
  ])("refuses %j, naming the nearest ones and the way out", (region, nearest) => {
    expect(() => endpointOfRegion(region)).toThrow(ConfigurationError);
    expect(() => endpointOfRegion(region)).toThrow(`IMM_REGION: expected a region of IMM, such as ${nearest}`);
    expect(() => endpointOfRegion(region)).toThrow(`, got "${region}"; for another one set IMM_ENDPOINT.`);
  });

  // dist/test/imm/ lies three folders below the repository, and the facts beside the repository.
  const factsFile = new URL("../../../../../shared/imm/operations.json", import.meta.url);
  if (existsSync(factsFile)) {
    it("agrees with the SDK's map", () => {
      const { meta } = JSON.parse(readFileSync(factsFile, "utf8")) as { meta: { endpoints: Record<string, string> } };
      const hosts = Object.keys(meta.endpoints).map((region) => [region, endpointOfRegion(region).host]);
      expect(Object.fromEntries(hosts)).toEqual(meta.endpoints);
      expect(Object.keys(meta.endpoints).toSorted()).toEqual([...publicRegions, "cn-beijing-gov-1"].toSorted());
    });
  }
});

describe("regionOfEndpoint", () => {
  it.each([
    ["https://imm.cn-hangzhou.aliyuncs.com", "cn-hangzhou"],
    ["https://imm-vpc.cn-beijing-gov-1.aliyuncs.com", "cn-beijing-gov-1"],
    ["http://127.0.0.1:4010", undefined],
    ["https://imm.cn-hangzhou.aliyuncs.com.proxy.example", undefined],
    ["https://oss.cn-hangzhou.aliyuncs.com", undefined],
  ])("of %s is %s", (url, region) => {
    expect(regionOfEndpoint(parseEndpoint(url))).toBe(region);
  });
});

describe("parseEndpoint", () => {
  it.each([
    ["https://imm-vpc.cn-hangzhou.aliyuncs.com", "https", "imm-vpc.cn-hangzhou.aliyuncs.com"],
    ["https://imm.cn-hangzhou.aliyuncs.com/", "https", "imm.cn-hangzhou.aliyuncs.com"],
    ["http://127.0.0.1:4010", "http", "127.0.0.1:4010"],
    ["http://[::1]:4010", "http", "[::1]:4010"],
    ["https://proxy.example:443", "https", "proxy.example"],
  ])("reads %s", (text, protocol, host) => {
    expect(parseEndpoint(text)).toEqual({ protocol, host });
  });

  it.each([
    "imm.cn-hangzhou.aliyuncs.com",
    "localhost:4010",
    "ftp://imm.example",
    "ws://imm.example",
    "https://imm.example/path",
    "https://imm.example/#top",
    "https://",
    "",
    "not a url",
  ])("refuses %j, showing what is expected", (text) => {
    const refusal = new ConfigurationError(
      `IMM_ENDPOINT: expected a URL such as https://imm-vpc.cn-hangzhou.aliyuncs.com, without a path, got "${text}".`,
    );
    expect(() => parseEndpoint(text)).toThrow(refusal);
  });

  it.each([
    "https://user:hunter2@imm.example",
    "https://:hunter2@imm.example",
    "https://hunter2@imm.example",
    "https://imm.example/?AccessKeySecret=hunter2",
  ])("refuses the credentials in %s without repeating them", (text) => {
    expect(() => parseEndpoint(text)).toThrow(ConfigurationError);
    expect(() => parseEndpoint(text)).toThrow(/^IMM_ENDPOINT: expected a URL such as (?!.*hunter2)/);
  });

  it("repeats at most a hundred characters of what was given", () => {
    const text = `ftp://${"a".repeat(300)}`;
    expect(() => parseEndpoint(text)).toThrow(`got "${text.slice(0, 100)}".`);
  });
});
