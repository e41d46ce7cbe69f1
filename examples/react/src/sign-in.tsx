import { useEffect, useState, type FormEvent } from "react";
import { fetchPeople, LOGIN_URL, personLogin, rememberToken, type Login, type Person } from "./session.ts";

/** Where one signs in, when the gateway asks for it. */
export function SignIn({ reason, onSignIn }: { reason: string | undefined; onSignIn: (login: Login) => void }) {
  useEffect(() => void (document.title = "Sign in · Tasks"), []);
  return (
    <main className="narrow">
      <h1>Sign in</h1>
      {reason && <p role="alert">{reason}</p>}
      {LOGIN_URL === undefined ? <TokenForm onSignIn={onSignIn} /> : <People onSignIn={onSignIn} />}
    </main>
  );
}

function TokenForm({ onSignIn }: { onSignIn: (login: Login) => void }) {
  const [error, setError] = useState<string>();

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const given = new FormData(event.currentTarget).get("token") as string;
    const token = given.trim().replace(/^Bearer\s+/i, "");
    // What no header can carry would fail later, with a word that says less.
    if (/^[!-~]+$/.test(token)) onSignIn(rememberToken(token));
    else setError("A token has letters, digits and signs, and no spaces. Paste it as you got it.");
  }

  return (
    <form onSubmit={submit} className="stack">
      <label>
        Token
        <input name="token" type="password" required autoComplete="off" spellCheck={false} aria-describedby="kept" />
      </label>
      {error && <p role="alert">{error}</p>}
      <p id="kept" className="muted">
        This gateway wants a token: one of its access file, or of your login. It stays in this tab until you sign out or
        close the tab (sessionStorage), and is sent to this gateway alone.
      </p>
      <button>Sign in</button>
    </form>
  );
}

/** Those whom the example's issuer knows. */
function People({ onSignIn }: { onSignIn: (login: Login) => void }) {
  const [people, setPeople] = useState<Person[]>([]);
  const [error, setError] = useState<Error>();
  useEffect(() => void fetchPeople().then(setPeople, setError), []);

  return (
    <div className="stack">
      {error && <p role="alert">{error.message}</p>}
      {people.map((person) => (
        <button key={person.id} onClick={() => onSignIn(personLogin(person))}>
          {person.name} of {person.tenant}
        </button>
      ))}
    </div>
  );
}
