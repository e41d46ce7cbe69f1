import { meaningOfRefusal } from "./meanings.ts";

interface RefusalProps {
  readonly of: { readonly code: string; readonly message: string; readonly path: readonly string[] | null };
}

/** Why a task was not started, and where in the input the reason is. */
export function Refusal({ of: { code, message, path } }: RefusalProps) {
  // It begins with the name of the argument.
  const place = path?.slice(1).join(".");
  return (
    <div role="alert" className="problem">
      <p>
        {place && <code>{place}</code>} <strong>{message}</strong> <code>{code}</code>
      </p>
      <p>{meaningOfRefusal(code)}</p>
    </div>
  );
}
