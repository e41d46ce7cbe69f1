import { codeOf, isUnanswered } from "./client.ts";
import { meaningOfRefusal } from "./meanings.ts";

/** What the gateway refused, and what to do about it. */
export function Problem({ error, children }: { error: Error; children?: React.ReactNode }) {
  const code = codeOf(error);
  if (isUnanswered(error)) return <NoGateway>{children}</NoGateway>;
  return (
    <div role="alert" className="problem">
      <p>
        <strong>{error.message}</strong> {code && <code>{code}</code>}
      </p>
      <p>{meaningOfRefusal(code)}</p>
      {children}
    </div>
  );
}

/** What to start. */
function NoGateway({ children }: { children?: React.ReactNode }) {
  return (
    <div role="alert" className="problem">
      <p>
        <strong>The gateway does not answer.</strong>
      </p>
      <p>
        Start it with <code>npx imm-graphql serve</code>, or in a clone with <code>npm start</code>. This page then goes
        on by itself.
      </p>
      {children}
    </div>
  );
}
