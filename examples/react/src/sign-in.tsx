import { useEffect, useState } from "react";
import { fetchPeople, type Person } from "./session.ts";

/** The choice of who signs in. Without a token nothing is asked of the gateway. */
export function SignIn({ onChoose }: { onChoose: (person: Person) => void }) {
  const [people, setPeople] = useState<Person[]>([]);
  const [error, setError] = useState<Error>();
  useEffect(() => void fetchPeople().then(setPeople, setError), []);

  return (
    <main>
      <h1>Sign in</h1>
      {error && <p role="alert">{error.message}</p>}
      {people.map((person) => (
        <button key={person.id} onClick={() => onChoose(person)}>
          {person.name} of {person.tenant}
        </button>
      ))}
    </main>
  );
}
