import { ApolloProvider } from "@apollo/client/react";
import { useEffect, useState } from "react";
import { go } from "./address.tsx";
import { dropDrafts } from "./drafts.ts";
import { firstLogin, forgetToken, openSession, type Login, type Session } from "./session.ts";
import { SignIn } from "./sign-in.tsx";
import { Workspace } from "./workspace.tsx";

const NOT_BELIEVED =
  "The gateway does not believe this token: it is wrong, or it has expired. Sign in with another one.";

function open(login: Login | null): Session | null {
  return login && openSession(login);
}

/** Asks for a sign-in when the gateway does. */
export function App() {
  const [session, setSession] = useState(() => open(firstLogin()));
  const [reason, setReason] = useState<string>();

  function leave(why?: string) {
    session?.close();
    forgetToken();
    setReason(why);
    setSession(null);
  }
  useEffect(() => {
    if (session) session.onRefused = () => leave(session.login.hasToken ? NOT_BELIEVED : undefined);
  });

  if (session === null) return <SignIn reason={reason} onSignIn={(login) => setSession(open(login))} />;
  function signOut() {
    dropDrafts();
    leave();
    // What was shown is not the next one's to see in the URL.
    go({}, "replace");
  }
  return (
    <ApolloProvider client={session.client}>
      <Workspace session={session} onSignOut={signOut} />
    </ApolloProvider>
  );
}
