import { ApolloProvider } from "@apollo/client/react";
import { useState } from "react";
import { signIn, type Session } from "./session.ts";
import { SignIn } from "./sign-in.tsx";
import { Workspace } from "./workspace.tsx";

export function App() {
  const [session, setSession] = useState<Session | null>(null);
  if (session === null) return <SignIn onChoose={(person) => setSession(signIn(person))} />;

  const { person, client } = session;
  function signOut() {
    session?.signOut();
    setSession(null);
  }
  return (
    <ApolloProvider client={client}>
      <header>
        {person.name} of {person.tenant} <button onClick={signOut}>Sign out</button>
      </header>
      <Workspace />
    </ApolloProvider>
  );
}
