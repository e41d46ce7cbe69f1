import { go, Link, type Address } from "./address.tsx";
import type { ProjectFacts } from "./project-facts.ts";

const STATUSES: readonly (readonly [value: string | undefined, label: string])[] = [
  [undefined, "All"],
  ["RUNNING", "Running"],
  ["FAILED", "Failed"],
  ["SUCCEEDED", "Succeeded"],
];

const HOUR_MS = 3_600_000;

/** How long ago a task may have started, by what the URL calls it. */
export const MAX_AGE_MS: ReadonlyMap<string, number> = new Map([
  ["1h", HOUR_MS],
  ["24h", 24 * HOUR_MS],
  ["3d", 72 * HOUR_MS],
]);

const AGES = { "1h": "the last hour", "24h": "the last 24 hours", "3d": "the last three days" };

/** Which tasks are shown. All of it stands in the URL. */
export function Filters({ address, taskTypes }: Pick<ProjectFacts, "taskTypes"> & { address: Address }) {
  const { status, type, since } = address;
  const names = taskTypes.map(({ name }) => name);
  return (
    <div className="filters">
      <nav aria-label="Status" className="tabs">
        {STATUSES.map(([value, label]) => (
          <Link key={label} to={{ ...address, status: value }} aria-current={value === status ? "page" : undefined}>
            {label}
          </Link>
        ))}
      </nav>
      <label className="inline">
        Type
        <select value={type ?? ""} onChange={({ target }) => go({ ...address, type: target.value })}>
          <option value="">all</option>
          {/* IMM may have types that the gateway does not know. */}
          {type && !names.includes(type) && <option>{type}</option>}
          {names.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <label className="inline">
        Started
        <select value={since ?? ""} onChange={({ target }) => go({ ...address, since: target.value })}>
          <option value="">any time</option>
          {Object.entries(AGES).map(([value, label]) => (
            <option key={value} value={value}>
              in {label}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}
