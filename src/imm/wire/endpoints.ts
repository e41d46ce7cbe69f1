/**
 * Where IMM is: the official map from a region to its public host, and the parsing of an endpoint that is set by hand
 * (a VPC host, a proxy, the emulator). Pure.
 *
 * @see the endpoints page (document 478148)
 */

import { distance } from "fastest-levenshtein";
import { ConfigurationError } from "../../errors.js";

/** Regions whose host is `imm.{region}.aliyuncs.com`. */
const PUBLIC_REGIONS = [
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
] as const;

/** Has no public host, only the one inside its VPC. */
const VPC_ONLY_REGION = "cn-beijing-gov-1";

/** Every region of the official map. */
export const REGIONS: readonly string[] = [...PUBLIC_REGIONS, VPC_ONLY_REGION];

/** A host, with its port when it is not the protocol's own, and how to speak to it. */
export interface Endpoint {
  readonly protocol: "http" | "https";
  readonly host: string;
}

/**
 * The endpoint of a region by the official map.
 *
 * @throws ConfigurationError - for a region that the map does not have; set the endpoint itself for a new region.
 */
export function endpointOfRegion(region: string): Endpoint {
  if (region === VPC_ONLY_REGION) return { protocol: "https", host: `imm-vpc.${region}.aliyuncs.com` };
  if ((PUBLIC_REGIONS as readonly string[]).includes(region)) {
    return { protocol: "https", host: `imm.${region}.aliyuncs.com` };
  }
  const nearest = REGIONS.toSorted((one, other) => distance(region, one) - distance(region, other)).slice(0, 3);
  throw new ConfigurationError(
    `IMM_REGION: expected a region of IMM, such as ${nearest.join(", ")}, got "${region}"; for another one set IMM_ENDPOINT.`,
  );
}

/**
 * Reads an endpoint given as a URL, `https://host[:port]` or `http://host[:port]`.
 *
 * @throws ConfigurationError - when the text is no such URL, or holds a path, a query or credentials.
 */
export function parseEndpoint(text: string): Endpoint {
  const url = URL.canParse(text) ? new URL(text) : null;
  const protocol = url?.protocol.slice(0, -1);
  const isBare =
    url !== null &&
    url.pathname === "/" &&
    url.search === "" &&
    url.hash === "" &&
    url.username === "" &&
    url.password === "";
  if (!isBare || (protocol !== "http" && protocol !== "https")) {
    throw new ConfigurationError(
      `IMM_ENDPOINT: expected a URL such as https://imm-vpc.cn-hangzhou.aliyuncs.com, without a path, got "${withoutSecrets(text).slice(0, 100)}".`,
    );
  }
  return { protocol, host: url.host };
}

/** The region that a host of IMM names, public or inside a VPC; undefined for a proxy, an emulator or another name. */
export function regionOfEndpoint({ host }: Endpoint): string | undefined {
  return /^imm(?:-[a-z]+)?\.([a-z0-9-]+)\.aliyuncs\.com(?::\d+)?$/.exec(host)?.[1];
}

/** The text without what may be credentials: anything before an `@`, and a query. */
function withoutSecrets(text: string): string {
  return text.replace(/\/\/.*@/, "//[redacted]@").replace(/\?.+/, "?[redacted]");
}
