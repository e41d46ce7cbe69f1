/** What operators copy from `deploy/` and the Dockerfile, held against the options and paths of the gateway. */

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { parseAllDocuments } from "yaml";
import { AccessFile } from "../../src/access/config/access-file.js";
import { chooseUpstream } from "../../src/commands/upstream.js";
import { parseOptions, settings } from "../../src/options/options.js";
import { root } from "../support/snippets.js";
import { disposeAfterTest, startGateway } from "../support/start-gateway.js";

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

const { version } = JSON.parse(read("package.json")) as { readonly version: string };
const dockerfile = read("Dockerfile").replaceAll(/ *\\\n */g, " ");

/** What follows an instruction, each time that it is there. */
function instructions(name: string): readonly string[] {
  return [...dockerfile.matchAll(new RegExp(`^ *${name} (.*)$`, "gm"))].map(([, rest = ""]) => rest);
}

/** The variables that the image sets. */
const ofImage = Object.fromEntries(
  instructions("ENV").flatMap((pairs) => pairs.split(" ").map((pair) => pair.split("=") as [string, string])),
);

function defaultOf(variable: string): number {
  return Number(settings.find(({ env }) => env === variable)?.fallback);
}

describe("the Dockerfile", () => {
  it("is given nothing but what it is built from, all of which is there", () => {
    const [first, ...rest] = read(".dockerignore")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"));
    expect(first).toBe("*");
    expect(rest.filter((line) => !line.startsWith("!") || !existsSync(join(root, line.slice(1))))).toEqual([]);
  });

  it("serves production, to other machines, on the port that it exposes", () => {
    expect(parseOptions({ environment: ofImage })).toMatchObject({ nodeEnv: "production", host: "0.0.0.0" });
    expect(instructions("EXPOSE")).toEqual([String(defaultOf("PORT"))]);
  });

  it("starts Node itself, as a user without rights", () => {
    expect(instructions("ENTRYPOINT").map((words) => JSON.parse(words) as unknown)).toEqual([
      ["node", "/app/imm-graphql"],
    ]);
    expect(instructions("USER")).toEqual(["1000:1000"]);
  });

  it("is built on the Node that the manual recommends", () => {
    const [, recommended = ""] = /^\| (\d+) +\| recommended/m.exec(read("docs/installing.md")) ?? [];
    expect(instructions("ARG")).toEqual([`NODE_IMAGE=node:${recommended}-bookworm-slim`]);
    expect(new Set(instructions("FROM").map((from) => from.split(" ")[0]))).toEqual(new Set(["${NODE_IMAGE}"]));
  });
});

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

type Labels = Readonly<Record<string, string>>;

interface Container {
  readonly image: string;
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly envFrom: readonly { readonly configMapRef: { readonly name: string } }[];
  readonly env: readonly { readonly name: string }[];
  readonly startupProbe: Probe;
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
  readonly securityContext: { readonly readOnlyRootFilesystem: boolean };
  readonly volumeMounts: readonly { readonly mountPath: string }[];
}

/** An object of the manifest, as far as it is read. */
interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly selector: Labels & { readonly matchLabels?: Labels };
    readonly ports?: readonly { readonly targetPort: string }[];
    readonly template: {
      readonly metadata: { readonly labels: Labels; readonly annotations: Labels };
      readonly spec: {
        readonly serviceAccountName: string;
        readonly terminationGracePeriodSeconds: number;
        readonly securityContext: { readonly runAsUser: number; readonly runAsGroup: number };
        readonly containers: readonly Container[];
        readonly volumes: readonly { readonly configMap: { readonly name: string } }[];
      };
    };
  };
}

describe("the manifest for Kubernetes", () => {
  const documents = parseAllDocuments(read("deploy/kubernetes.yaml"), { uniqueKeys: true });
  const objects = documents.map((document) => document.toJS() as Manifest);

  function find(kind: string, name = "imm-graphql"): Manifest {
    const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
    if (found === undefined) throw new Error(`There is no ${kind} ${name}.`);
    return found;
  }

  const pod = find("Deployment").spec?.template.spec;
  const container = pod?.containers[0];
  const data = container?.envFrom.map(({ configMapRef }) => find("ConfigMap", configMapRef.name).data ?? {}) ?? [];
  const environment: Readonly<Record<string, string>> = Object.assign({}, ofImage, ...data);

  it("is YAML whose parts are there", () => {
    expect(documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])).toEqual([]);
    expect(() => find("ServiceAccount", pod?.serviceAccountName)).not.toThrow();
    for (const { configMap } of pod?.volumes ?? []) expect(() => find("ConfigMap", configMap.name)).not.toThrow();
    const labels = find("Deployment").spec?.template.metadata.labels;
    for (const kind of ["Deployment", "Service", "PodDisruptionBudget"]) {
      const selector = find(kind).spec?.selector;
      expect(selector?.matchLabels ?? selector).toEqual(labels);
    }
  });

  it("sets variables that there are, to values that fit each other", () => {
    const known = settings.map(({ env }) => env);
    const named = [...Object.keys(environment), ...(container?.env ?? []).map(({ name }) => name)];
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
    // A number would be refused by Kubernetes.
    expect(Object.values(environment).filter((value) => typeof value !== "string")).toEqual([]);
    const options = parseOptions({ environment });
    expect(chooseUpstream(options)).toMatchObject({ kind: "imm", region: "cn-hangzhou" });
    const { drainDelayMs, shutdownTimeoutMs } = options;
    expect(pod?.terminationGracePeriodSeconds).toBeGreaterThan((drainDelayMs + shutdownTimeoutMs) / 1_000);
  });

  it("probes paths that there are, on the port that the gateway has", async () => {
    const probes = [container?.startupProbe, container?.readinessProbe, container?.livenessProbe];
    const ports = [...probes.map((probe) => probe?.httpGet.port), find("Service").spec?.ports?.[0]?.targetPort];
    const { port, metricsPort } = parseOptions({ environment });
    expect(container?.ports).toEqual([
      { name: "http", containerPort: port },
      { name: "metrics", containerPort: metricsPort },
    ]);
    expect(find("Deployment").spec?.template.metadata.annotations["prometheus.io/port"]).toBe(String(metricsPort));
    expect(new Set(ports)).toEqual(new Set(["http"]));
    const { url } = await startGateway();
    for (const probe of probes) expect((await fetch(`${url}${probe?.httpGet.path}`)).status).toBe(200);
  });

  it("runs the image as it was made: its version, its user, nothing to write to", () => {
    expect(container?.image).toBe(`registry.example.com/imm-graphql:${version}`);
    const { runAsUser, runAsGroup } = pod?.securityContext ?? {};
    expect(instructions("USER")).toEqual([`${runAsUser}:${runAsGroup}`]);
    expect(container?.securityContext.readOnlyRootFilesystem).toBe(true);
  });

  it("mounts an access file that the gateway takes, where it looks for it", async () => {
    const files = find("ConfigMap", pod?.volumes[0]?.configMap.name).data ?? {};
    const mounted = container?.volumeMounts.flatMap(({ mountPath }) =>
      Object.keys(files).map((name) => `${mountPath}/${name}`),
    );
    expect(mounted).toEqual([environment["ACCESS_FILE"]]);
    const folder = mkdtempSync(join(tmpdir(), "imm-graphql-"));
    disposeAfterTest(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, "access.yaml"), Object.values(files).join(""));
    expect((await AccessFile.open(join(folder, "access.yaml"))).config.issuers).toHaveLength(1);
  });
});

describe("the configuration of nginx", () => {
  // What it does, test/deploy/nginx/ proves: these are numbers that a test would have to wait for.
  const file = read("deploy/nginx.conf");

  it("waits longer for an answer than awaitTask may take", () => {
    const [, seconds] = /^ *proxy_read_timeout (\d+)s;$/m.exec(file) ?? [];
    expect(Number(seconds) * 1_000).toBeGreaterThan(defaultOf("MAX_AWAIT_MS"));
  });

  it("lets go of a connection to the gateway before the gateway does", async () => {
    const [, seconds] = /^ *keepalive_timeout (\d+)s;$/m.exec(file) ?? [];
    const { headers } = await fetch(`${(await startGateway()).url}/healthz`);
    const [, limit] = /timeout=(\d+)/.exec(headers.get("keep-alive") ?? "") ?? [];
    expect(Number(seconds)).toBeLessThan(Number(limit));
  });

  it("lets the gateway refuse a body that is too large", () => {
    const [, kilobytes] = /^ *client_max_body_size (\d+)k;$/m.exec(file) ?? [];
    expect(Number(kilobytes) * 1_024).toBeGreaterThan(defaultOf("MAX_REQUEST_BYTES"));
  });
});

/** A panel of the dashboard, as far as it is read. */
interface Panel {
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}

describe("the dashboard", () => {
  const { panels } = JSON.parse(read("deploy/grafana-dashboard.json")) as { readonly panels: readonly Panel[] };
  const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  /** Names of series as they are scraped. */
  const shown = new Set(expressions.flatMap((expr) => expr.match(/\b(imm_graphql|nodejs|process)_\w+/g) ?? []));
  /** The labels that it asks for, by series. */
  const labels = expressions.flatMap((expr) => [
    ...expr.matchAll(/by \(([^)]*)\) \((?:rate\()?((?:imm_graphql|nodejs|process)_\w+)\{/g),
  ]);

  async function scrape(): Promise<string> {
    const { gateway } = await startGateway({ gateway: { metricsPort: 0, redisUrl: "redis://127.0.0.1:1" } });
    return gateway.metrics();
  }

  it("shows series that the gateway has, and each of its own", async () => {
    const text = await scrape();
    const types = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)];
    const scraped = types.flatMap(([, name = "", type]) =>
      type === "histogram" ? ["_bucket", "_sum", "_count"].map((end) => name + end) : [name],
    );
    expect([...shown].filter((name) => !scraped.includes(name))).toEqual([]);
    const own = types.map(([, name = ""]) => name).filter((name) => name.startsWith("imm_graphql_"));
    expect(own.length).toBeGreaterThan(20);
    const all = [...shown];
    expect(own.filter((name) => !all.some((each) => each.replace(/_(bucket|sum|count)$/, "") === name))).toEqual([]);
  });

  it("groups them by labels that they have", () => {
    const source = read("src/adapters/prometheus.ts");
    expect(labels.length).toBeGreaterThan(10);
    for (const [, by = "", series = ""] of labels) {
      const name = series.replace(/^imm_graphql_|_bucket$/g, "");
      // From its name to the end of its declaration.
      const declared = source.slice(source.search(new RegExp(`${name}["\`]`))).split(");", 1)[0] ?? "";
      const asked = by.split(", ").filter((label) => !["le", "instance"].includes(label));
      expect(asked.filter((label) => !declared.includes(`"${label}"`))).toEqual([]);
    }
  });

  it("has no panel over another", () => {
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
  });
});
