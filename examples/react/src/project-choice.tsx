import { useId, type FormEvent } from "react";
import { go } from "./address.tsx";

interface ProjectChoiceProps {
  /** Names, and beginnings of names with a `*` behind them. */
  readonly known: readonly string[];
  readonly chosen: string | undefined;
}

/** The choice of a project: from a list where the gateway knows their names, else by its name. */
export function ProjectChoice({ known, chosen }: ProjectChoiceProps) {
  const names = known.filter((name) => !name.endsWith("*"));
  const list = useId();
  if (names.length === known.length) {
    const all = chosen === undefined || names.includes(chosen) ? names : [chosen, ...names];
    return (
      <label className="inline">
        Project
        <select value={chosen ?? ""} onChange={({ target }) => go({ project: target.value })}>
          {chosen === undefined && <option value="">Choose…</option>}
          {all.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
    );
  }

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const project = (new FormData(event.currentTarget).get("project") as string).trim();
    if (project !== "") go({ project });
  }
  const beginnings = known.filter((name) => name.endsWith("*") && name !== "*");
  return (
    <form onSubmit={submit} className="inline">
      <label className="inline">
        Project
        <input
          key={chosen}
          name="project"
          required
          defaultValue={chosen}
          list={list}
          autoComplete="off"
          spellCheck={false}
          placeholder={beginnings.join(", ") || "its name"}
        />
      </label>
      <datalist id={list}>
        {names.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <button>Show</button>
    </form>
  );
}
